"""Pools that are given the output's size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from netspec.ir import TensorType
from netspec.ops.attributes import OutputSize
from netspec.ops.base import Example, Main
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, POINTWISE, Reads, Window
from netspec.ops.sliding import SpaceOp


@dataclass(frozen=True, slots=True)
class Division:
    """One axis cut into `out` windows: window i covers [floor(i*size/out), ceil((i + 1)*size/out))."""

    size: int
    out: int

    @property
    def is_even(self) -> bool:
        """Whether all windows have one size and none overlaps another."""
        return self.size % self.out == 0

    @property
    def ranges(self) -> list[range]:
        """The elements of each window."""
        return [range(i * self.size // self.out, -(-(i + 1) * self.size // self.out)) for i in range(self.out)]

    @property
    def width(self) -> int:
        """Size of the largest window."""
        return self.size // self.out if self.is_even else max(map(len, self.ranges))

    def reads(self) -> Reads:
        """Exact where the division is even; otherwise the windows have no one stride, and `ALL` bounds them."""
        if self.out == 1:
            return ALL
        if self.out == self.size:
            return POINTWISE
        return Window(self.width, 0, self.width - 1) if self.is_even else ALL


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
        outs = [division.out for division in self.divisions(input)]
        return input.with_shape(input.shape[0], *outs)

    def reads(self, dim: int, input: TensorType) -> Reads:
        return POINTWISE if dim == 1 else self.divisions(input)[dim - 2].reads()

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        size: Any = self.output_size
        if input.type.rank == 2 and isinstance(size, tuple):
            size = self.divisions(input.type)[0].out  # the 1d classes know no None
        return self.by_rank(t, self.torch_stem, input.type)(size)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        divisions = self.divisions(input.type)
        if all(division.out == 1 for division in divisions):
            return self._node(g, self.onnx_global, input)
        if all(division.is_even for division in divisions):
            return self._node(g, self.onnx_window, input, divisions)
        return self.uneven(g, input, divisions)

    def uneven(self, g: OnnxBuilder, input: OnnxValue, divisions: tuple[Division, ...]) -> OnnxValue:
        """Windows of several sizes: each is laid out beside the next at full width, then pooled evenly."""
        raise NotImplementedError(type(self).__name__)

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

    def uneven(self, g: OnnxBuilder, input: OnnxValue, divisions: tuple[Division, ...]) -> OnnxValue:
        # Short windows are filled up with a zero put behind each axis; the mean is then scaled to the window's size.
        axes = len(divisions)
        laid_out = g.Pad(input, g.ints([0] * (2 + axes) + [0, 0] + [1] * axes))
        for axis, division in enumerate(divisions, start=2):
            laid_out = g.Gather(laid_out, g.ints(_indices(division, filler=division.size)), axis=axis)
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

    def uneven(self, g: OnnxBuilder, input: OnnxValue, divisions: tuple[Division, ...]) -> OnnxValue:
        # Short windows are filled up with their own first element, which changes no maximum.
        laid_out = input
        for axis, division in enumerate(divisions, start=2):
            laid_out = g.Gather(laid_out, g.ints(_indices(division)), axis=axis)
        return self._node(g, self.onnx_window, laid_out, divisions)


def _indices(division: Division, filler: int | None = None) -> list[int]:
    """The elements of all windows one after the other, each window filled up to the largest one's size."""
    width = division.width
    filled = ([*span] + [span[0] if filler is None else filler] * (width - len(span)) for span in division.ranges)
    return [index for window in filled for index in window]


def _scale(g: OnnxBuilder, like: OnnxValue, division: Division, *, trailing: int) -> OnnxValue:
    """The largest window's size over each window's, to be multiplied along one axis."""
    widths = g.CastLike(g.ints([division.width]), like)
    sizes = g.CastLike(g.ints([len(span) for span in division.ranges]), like)
    return g.Reshape(g.Div(widths, sizes), g.ints([division.out] + [1] * trailing))
