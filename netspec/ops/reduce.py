"""Ops that make one number of an axis, or walk along it."""

from collections.abc import Callable
from math import prod
from typing import ClassVar

from netspec.ir import DType, Sizes, TensorType
from netspec.ops.attributes import Axes, Axis, NonNegativeInt, OptionalAxis
from netspec.ops.axes import resolve_axes, resolve_axis, torch_axes
from netspec.ops.base import FLOATING, Example, Main, Masked, Op, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.padding import highest, lowest, zero
from netspec.ops.reads import ALL, POINTWISE, Reads, Window
from netspec.ops.sizes import known


class Reduction(Op):
    """Base of the reductions over one axis, several, or (where `dim` is left out) all axes of a sample."""

    onnx_op: ClassVar[str]

    dim: Axes = Main(None)
    keepdim: bool = False

    def axes(self, input: TensorType) -> tuple[int, ...]:
        """The axes that are reduced, in order.

        Raises:
            OpError: one is not there, or named twice.
        """
        return resolve_axes("dim", self.dim, input.shape)

    def infer(self, input: TensorType) -> TensorType:
        return input.with_shape(*reduced(input.shape, self.axes(input), self.keepdim))

    def reads(self, dim: int, input: TensorType) -> Reads:
        return ALL if self.source(dim, input) in self.axes(input) else POINTWISE

    def source(self, dim: int, input: TensorType) -> int | None:
        return left_of(input.rank, self.axes(input), self.keepdim)[dim - 1]

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        axes = self.axes(input.type) if self.dim is None else torch_axes(self.dim, input.shape)
        only = axes[0] if isinstance(axes, tuple) and len(axes) == 1 else axes
        return getattr(input, self.name)(only, **self.given("keepdim", "correction"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        operator: Callable[..., OnnxValue] = getattr(g, self.onnx_op)
        return operator(input, g.ints(self.axes(input.type)), keepdims=self.keepdim)


class Mean(Reduction):
    """Mean over `dim`: a number, a list, or all axes of a sample.   input: (*) -> (*) without those axes.

    `keepdim` keeps them with size 1. `mean: [2, 3]` of a feature map is global average pooling.
    """

    name = "mean"
    onnx_op = "ReduceMean"
    examples = [
        Example("mean: [2, 3]", (4, 3, 2)),
        Example("mean: {dim: 1, keepdim: true}", (4, 3)),
        Example("mean", (3, 4)),
    ]

    def filler(self, port: int, input: TensorType) -> float:
        return 0.0

    def masked(self, input: TensorType) -> Masked | None:
        from netspec.ops.of_valid import mean_of_valid

        return mean_of_valid(input, self.axes(input), self.keepdim)


class Sum(Reduction):
    """Sum over `dim`: a number, a list, or all axes of a sample.   input: (*) -> (*) without those axes."""

    name = "sum"
    dtypes = FLOATING | {DType.INT64}
    onnx_op = "ReduceSum"
    examples = [
        Example("sum: -1", (4, 3)),
        Example("sum: {dim: [1, -1], keepdim: true}", (4, 3, 2)),
        Example("sum", (3,), dtype=DType.INT64),
    ]

    def filler(self, port: int, input: TensorType) -> float:
        return zero(input.dtype)


class Amax(Reduction):
    """The largest over `dim`: a number, a list, or all axes of a sample.   input: (*) -> (*) without those axes."""

    name = "amax"
    dtypes = FLOATING | {DType.INT64}
    onnx_op = "ReduceMax"
    examples = [Example("amax: 1", (4, 3)), Example("amax: {dim: [2, 3], keepdim: true}", (4, 3, 2))]

    def filler(self, port: int, input: TensorType) -> float:
        return lowest(input.dtype)


class Amin(Reduction):
    """The smallest over `dim`: a number, a list, or all axes of a sample.   input: (*) -> (*) without those axes."""

    name = "amin"
    dtypes = FLOATING | {DType.INT64}
    onnx_op = "ReduceMin"
    examples = [Example("amin", (4, 3)), Example("amin: {dim: -1, keepdim: true}", (4, 3))]

    def filler(self, port: int, input: TensorType) -> float:
        return highest(input.dtype)


class Spread(Reduction):
    """Base of variance and standard deviation."""

    correction: NonNegativeInt = 1

    def infer(self, input: TensorType) -> TensorType:
        if self.count(input) <= self.correction:
            message = f"{self.name} of {self.count(input)} numbers needs a correction below it, not {self.correction}"
            raise OpError(message, attr="correction", help="`correction: 0` divides by the number itself")
        return super().infer(input)

    def count(self, input: TensorType) -> int:
        """How many numbers become one."""
        sizes = (input.shape[axis - 1] for axis in self.axes(input))
        return prod(known(size, f"the number of values of {self.name}") for size in sizes)

    def variance(self, g: OnnxBuilder, input: OnnxValue) -> OnnxValue:
        """The variance in ONNX."""
        axes = g.ints(self.axes(input.type))
        centred = g.Sub(input, g.ReduceMean(input, axes, keepdims=1))
        squares = g.ReduceSum(g.Mul(centred, centred), axes, keepdims=self.keepdim)
        return g.Div(squares, g.scalar(self.count(input.type) - self.correction, like=input))


class Var(Spread):
    """Variance over `dim`, the sum of squares divided by the number less `correction`.

    input: (*) -> (*) without those axes.
    """

    name = "var"
    examples = [
        Example("var", (4, 3)),
        Example("var: {dim: 1, correction: 0, keepdim: true}", (4, 3)),
    ]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return self.variance(g, input)


class Std(Spread):
    """Standard deviation over `dim`, the root of `var`.   input: (*) -> (*) without those axes."""

    name = "std"
    examples = [
        Example("std: -1", (4, 3)),
        Example("std: {dim: [1, 2], correction: 0, keepdim: true}", (4, 3, 2)),
    ]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Sqrt(self.variance(g, input))


class Argmax(Op):
    """Position of the largest along `dim`, or, where it is left out, in the flattened sample.

    input: (*) -> int64 (*) without that axis. Of several largest ones, one of their positions.
    """

    name = "argmax"
    dim: OptionalAxis = Main(None)
    keepdim: bool = False
    examples = [
        Example("argmax: -1", (4, 3)),
        Example("argmax: {dim: 1, keepdim: true}", (4, 3)),
        Example("argmax", (3, 4)),
    ]

    def axes(self, input: TensorType) -> tuple[int, ...]:
        """The axis, or all of them."""
        if self.dim is None and self.keepdim:
            raise OpError("keepdim needs a dim", attr="keepdim")
        return resolve_axes("dim", self.dim, input.shape)

    def infer(self, input: TensorType) -> TensorType:
        shape = reduced(input.shape, self.axes(input), self.keepdim)
        return input.with_shape(*shape).with_dtype(DType.INT64)

    def reads(self, dim: int, input: TensorType) -> Reads:
        return ALL if self.source(dim, input) in self.axes(input) else POINTWISE

    def source(self, dim: int, input: TensorType) -> int | None:
        return left_of(input.rank, self.axes(input), self.keepdim)[dim - 1]

    def filler(self, port: int, input: TensorType) -> float | None:
        # The position in a flattened sample is the same in a padded one where only the first axis is padded.
        known = self.dim is not None or input.valid == {1}
        return lowest(input.dtype) if known else None

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        if self.dim is None:
            return input.flatten(1).argmax(1)
        return input.argmax(torch_axes(self.dim, input.shape), **self.given("keepdim"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        if self.dim is None:
            return g.ArgMax(g.Flatten(input, axis=1), axis=1, keepdims=0)
        return g.ArgMax(input, axis=self.axes(input.type)[0], keepdims=self.keepdim)


class Cumsum(Op):
    """Sum of all up to each position of an axis.   input: (*) -> the same."""

    name = "cumsum"
    dtypes = FLOATING | {DType.INT64}
    dim: Axis = Main()
    examples = [Example("cumsum: 1", (4, 3)), Example("cumsum: -1", (2, 3), dtype=DType.INT64)]

    def infer(self, input: TensorType) -> TensorType:
        resolve_axis("dim", self.dim, input.shape)
        return input

    def reads(self, dim: int, input: TensorType) -> Reads:
        axis = resolve_axis("dim", self.dim, input.shape)
        size = input.shape[axis - 1]
        if dim != axis:
            return POINTWISE
        return Window(1, 1 - size, 0) if isinstance(size, int) else ALL

    def filler(self, port: int, input: TensorType) -> float:
        return zero(input.dtype)

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.cumsum(torch_axes(self.dim, input.shape))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.CumSum(input, g.constant(resolve_axis("dim", self.dim, input.type.shape), DType.INT64))


def reduced(shape: Sizes, axes: tuple[int, ...], keepdim: bool) -> Sizes:
    """A shape with those axes gone, or of size 1."""
    kept: Sizes = tuple(1 if axis in axes else size for axis, size in enumerate(shape, 1))
    return kept if keepdim else tuple(size for axis, size in enumerate(shape, 1) if axis not in axes)


def left_of(rank: int, axes: tuple[int, ...], keepdim: bool) -> list[int]:
    """For each axis of the output, the input's axis that stands there."""
    return [axis for axis in range(1, rank + 1) if keepdim or axis not in axes]
