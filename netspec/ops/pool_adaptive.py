"""Pools that are given the output's size."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from netspec.ir import Dim, Size, TensorType, product
from netspec.ops.attributes import OutputSize
from netspec.ops.base import Example, Main, Masked, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.padding import lowest
from netspec.ops.reads import ALL, POINTWISE, Reads, Window
from netspec.ops.sizes import known, proof
from netspec.ops.sliding import SpaceOp


@dataclass(frozen=True, slots=True)
class Division:
    """One axis cut into `out` windows: window i covers [floor(i*size/out), ceil((i + 1)*size/out))."""

    size: Size
    out: Size

    @property
    def is_even(self) -> bool:
        """Whether all windows have one size and none overlaps another."""
        return self.out == self.size or self.size % self.out == 0

    @property
    def is_free(self) -> bool:
        """Whether the size of the windows is a formula."""
        return isinstance(self.size, Dim) and isinstance(self.width, Dim)

    @property
    def kept(self) -> "Division":
        """The same axis, not cut at all."""
        return Division(self.size, self.size)

    @property
    def ranges(self) -> list[range]:
        """The elements of each window; the sizes must be numbers."""
        size, out = known(self.size, "the size of an uneven division"), known(self.out, "output_size")
        return [range(i * size // out, -(-(i + 1) * size // out)) for i in range(out)]

    @property
    def width(self) -> Size:
        """Size of the largest window."""
        return self.size // self.out if self.is_even else max(map(len, self.ranges))

    def reads(self) -> Reads:
        """Exact where the division is even and its width a number; otherwise no one stride: `ALL` bounds."""
        if self.out == 1:
            return ALL
        if self.out == self.size:
            return POINTWISE
        width = self.width if self.is_even else None  # an uneven one counts all windows
        return Window(width, 0, width - 1) if isinstance(width, int) else ALL


class AdaptivePool(SpaceOp):
    """Base of the adaptive pools."""

    torch_stem: ClassVar[str]
    onnx_global: ClassVar[str]
    onnx_window: ClassVar[str]

    output_size: OutputSize = Main()

    def divisions(self, input: TensorType) -> tuple[Division, ...]:
        """How each space axis is cut; null in `output_size` keeps the input's size."""
        space = self.space(input)
        outs = self.per_axis("output_size", len(space))
        return tuple(Division(size, size if out is None else out) for size, out in zip(space, outs, strict=True))

    def infer(self, input: TensorType) -> TensorType:
        divisions = self.divisions(input)
        for division in divisions:
            self._check_known(division)
        outs = [division.out for division in divisions]
        return input.with_shape(input.shape[0], *outs)

    def _check_known(self, division: Division) -> None:
        size, out = division.size, division.out
        if not isinstance(size, int) and not division.is_even:
            message = f"output_size {out} needs a known size, or one that {out} divides, got {size}"
            raise OpError(message, attr="output_size", help=proof(size % out, 0))

    def reads(self, dim: int, input: TensorType) -> Reads:
        return POINTWISE if dim == 1 else self.divisions(input)[dim - 2].reads()

    def filler(self, port: int, input: TensorType) -> float | None:
        """Only the whole of an axis with lengths is pooled."""
        divisions = self.divisions(input)
        is_whole = all(divisions[axis - 2].out in (1, divisions[axis - 2].size) for axis in input.valid if axis > 1)
        return self.neutral(input) if is_whole else None

    @abstractmethod
    def neutral(self, input: TensorType) -> float:
        """What changes no value of a window."""

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        size: Any = self.output_size
        if input.type.rank == 2 and isinstance(size, tuple):
            if size[0] is None:
                return t.nn.Identity()  # the 1d classes know no None
            [size] = size
        return self.by_rank(t, self.torch_stem, input.type)(size)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        divisions = self.divisions(input.type)
        if all(division.out == 1 for division in divisions):
            return self._node(g, self.onnx_global, input)
        value = input
        if any(division.is_free for division in divisions):
            value, divisions = self._cut_free(g, input, divisions)
        if all(division.out == division.size for division in divisions):
            return g.Identity(value)
        if all(division.is_even for division in divisions):
            return self._node(g, self.onnx_window, value, divisions)
        return self.uneven(g, value, divisions)

    def _cut_free(
        self, g: OnnxBuilder, input: OnnxValue, divisions: tuple[Division, ...]
    ) -> tuple[OnnxValue, tuple[Division, ...]]:
        """Pooled along the axes whose windows are formulas, and what is left: boxes may be pooled axis by axis."""
        pooled = self._folded(g, input, tuple(d if d.is_free else d.kept for d in divisions))
        return pooled, tuple(replace(d, size=d.out) if d.is_free else d for d in divisions)

    def _folded(self, g: OnnxBuilder, input: OnnxValue, divisions: tuple[Division, ...]) -> OnnxValue:
        """Windows whose size is a formula: each becomes an image of its own, which is pooled as a whole."""
        axes = len(divisions)
        cut = [size for division in divisions for size in (division.out, division.width)]
        windows = g.Reshape(input, g.sizes([0, input.shape[0], *cut], input))
        outs, inner = range(2, 2 + 2 * axes, 2), range(3, 3 + 2 * axes, 2)
        images = g.Transpose(windows, perm=[0, 1, *outs, *inner])
        sizes = [division.out for division in divisions]
        count, widths = product([input.shape[0], *sizes]), [division.width for division in divisions]
        pooled = self._node(g, self.onnx_global, g.Reshape(images, g.sizes([0, count, *widths], input)))
        return g.Reshape(pooled, g.sizes([0, input.shape[0], *sizes], input))

    @abstractmethod
    def uneven(self, g: OnnxBuilder, input: OnnxValue, divisions: tuple[Division, ...]) -> OnnxValue:
        """Windows of several sizes: each is laid out beside the next at full width, then all are pooled evenly."""

    def _node(self, g: OnnxBuilder, op_type: str, input: OnnxValue, divisions: tuple[Division, ...] = ()) -> OnnxValue:
        widths = [division.width for division in divisions]
        window = {"kernel_shape": widths, "strides": widths} if widths else {}
        operator: Callable[..., OnnxValue] = getattr(g, op_type)
        return operator(input, **window)


class AdaptiveAvgPool(AdaptivePool):
    """Mean of each window.   input: (channels, *space) -> (channels, *output_size), null keeping a size."""

    name = "adaptive_avg_pool"
    torch_stem = "AdaptiveAvgPool"
    onnx_global = "GlobalAveragePool"
    onnx_window = "AveragePool"
    examples = [
        Example("adaptive_avg_pool: 1", (4, 7, 6)),
        Example("adaptive_avg_pool: [3, null]", (2, 9, 5)),
        Example("adaptive_avg_pool: [3, 4]", (2, 7, 9)),
        Example("adaptive_avg_pool: 5", (2, 3)),
        Example("adaptive_avg_pool: [2, 1, 3]", (2, 5, 3, 4)),
    ]

    def filler(self, port: int, input: TensorType) -> float | None:
        others = [division for axis, division in enumerate(self.divisions(input), 2) if axis not in input.valid]
        is_simple = all(division.out in (1, division.size) for division in others)
        return super().filler(port, input) if is_simple else None

    def neutral(self, input: TensorType) -> float:
        return 0.0

    def masked(self, input: TensorType) -> Masked | None:
        from netspec.ops.of_valid import mean_of_valid

        axes = (axis for axis, division in enumerate(self.divisions(input), 2) if division.out != division.size)
        return mean_of_valid(input, tuple(axes), keepdim=True)

    def uneven(self, g: OnnxBuilder, input: OnnxValue, divisions: tuple[Division, ...]) -> OnnxValue:
        # Short windows are filled up with a zero put behind the axis; the mean is then scaled to the window's size.
        axes, behind = len(divisions), [int(not division.is_even) for division in divisions]
        laid_out = g.Pad(input, g.ints([0] * (2 + axes) + [0, 0] + behind))
        for axis, division in _uneven(divisions):
            laid_out = g.Gather(laid_out, g.ints(_indices(division, filler=known(division.size, "size"))), axis=axis)
        mean = self._node(g, self.onnx_window, laid_out, divisions)
        for axis, division in enumerate(divisions):
            if not division.is_even:
                mean = g.Mul(mean, _scale(g, input, division, trailing=axes - 1 - axis))
        return mean


class AdaptiveMaxPool(AdaptivePool):
    """Largest element of each window.   input: (channels, *space) -> (channels, *output_size), null keeping a size."""

    name = "adaptive_max_pool"
    torch_stem = "AdaptiveMaxPool"
    onnx_global = "GlobalMaxPool"
    onnx_window = "MaxPool"
    examples = [
        Example("adaptive_max_pool: 1", (4, 7)),
        Example("adaptive_max_pool: [2, 3]", (3, 4, 6)),
        Example("adaptive_max_pool: [3, 4]", (2, 7, 9)),
        Example("adaptive_max_pool: [2, null, 3]", (2, 5, 3, 4)),
    ]

    def neutral(self, input: TensorType) -> float:
        return lowest(input.dtype)

    def uneven(self, g: OnnxBuilder, input: OnnxValue, divisions: tuple[Division, ...]) -> OnnxValue:
        # Short windows are filled up with their own first element, which changes no maximum.
        laid_out = input
        for axis, division in _uneven(divisions):
            laid_out = g.Gather(laid_out, g.ints(_indices(division)), axis=axis)
        return self._node(g, self.onnx_window, laid_out, divisions)


def _uneven(divisions: tuple[Division, ...]) -> list[tuple[int, Division]]:
    """The uneven divisions and their axes, counted from 1 behind the batch."""
    return [(axis, division) for axis, division in enumerate(divisions, start=2) if not division.is_even]


def _indices(division: Division, filler: int | None = None) -> list[int]:
    """The elements of all windows one after the other, each window filled up to the largest one's size."""
    width = known(division.width, "width")
    filled = ([*span] + [span[0] if filler is None else filler] * (width - len(span)) for span in division.ranges)
    return [index for window in filled for index in window]


def _scale(g: OnnxBuilder, like: OnnxValue, division: Division, *, trailing: int) -> OnnxValue:
    """The largest window's size over each window's, to be multiplied along one axis."""
    widths = g.CastLike(g.sizes([division.width], like), like)
    sizes = g.CastLike(g.ints([len(span) for span in division.ranges]), like)
    return g.Reshape(g.Div(widths, sizes), g.ints([-1] + [1] * trailing))
