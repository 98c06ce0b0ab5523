"""Windows that slide over the space axes: the geometry that convolutions and pools share, in one place."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from netspec.ir import Size, Sizes, TensorType, Undecided, is_at_most, is_less
from netspec.ops.base import Op, OpError
from netspec.ops.lowering import TorchBuilder
from netspec.ops.reads import POINTWISE, Reads, Window


def joined(sizes: Iterable[Size]) -> str:
    """Sizes as a message writes them: `(5, 5)`."""
    return f"({', '.join(map(str, sizes))})"


class SpaceOp(Op):
    """Base of the ops on [channels, *space] with one to three space axes, whose torch class ends in 1d, 2d or 3d."""

    def space(self, input: TensorType) -> Sizes:
        """Sizes of the space axes.

        Raises:
            OpError: the input has none, or more than three.
        """
        if not 2 <= input.rank <= 4:
            raise OpError(f"{self.name} needs [channels, *space] with one to three space axes, got {list(input.shape)}")
        return input.shape[1:]

    def per_axis(self, attr: str, axes: int, default: Any = None) -> tuple[Any, ...]:
        """An attribute's value for each space axis.

        Raises:
            OpError: it is a list of another length.
        """
        value = getattr(self, attr)
        if value is None:
            value = default
        if not isinstance(value, tuple):
            return (value,) * axes
        if len(value) != axes:
            plural = "axis" if axes == 1 else "axes"
            raise OpError(f"{attr} has {len(value)} entries, but the input has {axes} space {plural}", attr=attr)
        return value

    def by_rank(self, t: TorchBuilder, stem: str, input: TensorType) -> Any:
        """torch's class for that input: `MaxPool` for [8, 24, 24] is `nn.MaxPool2d`."""
        return getattr(t.nn, f"{stem}{input.rank - 1}d")


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """A window along one axis: position i covers `i*stride - before + dilation*j` for j < kernel."""

    size: Size
    kernel: int
    stride: int = 1
    before: int = 0
    after: int = 0
    dilation: int = 1
    ceil: bool = False

    @property
    def extent(self) -> int:
        """From the first element covered to the last."""
        return self.dilation * (self.kernel - 1) + 1

    @property
    def padded(self) -> Size:
        """Size of the padded input."""
        return self.size + self.before + self.after

    @property
    def count(self) -> Size:
        """Number of positions, the output's size; not positive where the window does not fit."""
        room = self.padded - self.extent
        if not self.ceil:
            return room // self.stride + 1
        count = -(-room // self.stride) + 1
        # The last window must start inside the input or its left padding (torch: pooling_output_shape_pad_lr).
        return count - 1 if (count - 1) * self.stride >= self.size + self.before else count

    @property
    def overhang(self) -> Size:
        """How far the last window reaches beyond the padded input (`ceil_mode` only)."""
        if not self.ceil:
            return 0
        beyond = (self.count - 1) * self.stride + self.extent - self.padded
        return 0 if is_at_most(beyond, 0) else beyond

    @property
    def formula(self) -> str:
        """The output's size as PyTorch's documentation writes it, with numbers."""
        room = f"{self.size} + {self.before} + {self.after} - {self.dilation}*({self.kernel} - 1) - 1"
        return f"{'ceil' if self.ceil else 'floor'}(({room})/{self.stride}) + 1 = {self.count}"

    @property
    def arithmetic(self) -> str:
        """The same for people, without what changes nothing: `(28 + 2*1 - 3)/2 + 1`, rounded only where it must be."""
        pads = f" + 2*{self.before}" if self.before == self.after else f" + {self.before} + {self.after}"
        reach = self.kernel if self.dilation == 1 else f"({self.dilation}*({self.kernel} - 1) + 1)"
        room = f"({self.size}{pads if self.before or self.after else ''} - {reach})/{self.stride}"
        exact = (self.padded - self.extent) // self.stride * self.stride == self.padded - self.extent
        rounded = room if exact else f"{'ceil' if self.ceil else 'floor'}({room})"
        # With `ceil_mode` a last window that would start in the right padding is left out.
        dropped = self.ceil and self.count != -(-(self.padded - self.extent) // self.stride) + 1
        return f"{rounded} + 1{' - 1' if dropped else ''} = {self.count}"

    def reads(self) -> Reads:
        """The positions of the input that a position of the output covers."""
        return Window(self.stride, -self.before, self.extent - 1 - self.before)


class SlidingOp(SpaceOp):
    """Base of convolutions and pools. A subclass says its `windows`; sizes, reads and ONNX attributes follow."""

    @abstractmethod
    def windows(self, input: TensorType) -> tuple[SlidingWindow, ...]:
        """The window along each space axis.

        Raises:
            OpError: the attributes do not fit the number of space axes.
        """

    def out_space(self, input: TensorType) -> Sizes:
        """Sizes of the output's space axes.

        Raises:
            OpError: a window does not fit its axis, whatever the symbols are; or it cannot be said how many fit.
        """
        windows = self.windows(input)
        try:
            counts = tuple(window.count for window in windows)
        except Undecided:
            message = f"with ceil_mode the number of windows along {joined(self.space(input))} is not one formula"
            raise OpError(message, attr="ceil_mode", help="let no stride exceed its kernel, or fix the sizes") from None
        if any(is_less(count, 1) for count in counts):
            raise _does_not_fit(windows)
        return counts

    def reads(self, dim: int, input: TensorType) -> Reads:
        return POINTWISE if dim == 1 else self.windows(input)[dim - 2].reads()

    def explain_size(self, input: TensorType) -> str:
        """Once where it is the same for all axes."""
        return ", ".join(dict.fromkeys(window.arithmetic for window in self.windows(input)))


def _does_not_fit(windows: tuple[SlidingWindow, ...]) -> OpError:
    kernel = joined(window.kernel for window in windows)
    extent = joined(window.extent for window in windows)
    covers = "" if kernel == extent else f" covers {extent} with its dilation, which"
    padded = "padded input" if any(window.before + window.after for window in windows) else "input"
    formula = next(window.formula for window in windows if is_less(window.count, 1))
    message = f"kernel {kernel}{covers} exceeds the {padded} {joined(window.padded for window in windows)}"
    return OpError(message, attr="kernel_size", help=f"the output's size would be {formula}")


def onnx_window(windows: tuple[SlidingWindow, ...]) -> dict[str, Any]:
    """ONNX's attributes of a window; overhang is written as padding, since runtimes differ in `ceil_mode`.

    It must be a number; where it is a formula the input is padded first (`pool.without_overhang`).
    """
    pads = [window.before for window in windows] + [window.after + window.overhang for window in windows]
    return {
        "kernel_shape": [window.kernel for window in windows],
        "strides": [window.stride for window in windows],
        "dilations": [window.dilation for window in windows],
        "pads": pads,
    }
