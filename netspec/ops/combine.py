"""Ops of several inputs."""

import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, ClassVar

from netspec.ir import DType, TensorType
from netspec.ops.attributes import Axis
from netspec.ops.axes import resolve_axis, torch_axis
from netspec.ops.base import ANY_DTYPE, FLOATING, Example, Main, Op, OpError
from netspec.ops.broadcast import (
    aligned_in_onnx,
    aligned_in_torch,
    broadcast,
    repeated_in_onnx,
    repeated_in_torch,
    same_dtype,
    same_rank,
    shapes,
)
from netspec.ops.lowering import OnnxBuilder, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, NEW, POINTWISE, Reads

# ONNX Runtime computes with these; on uint8 and bool most arithmetic is missing there.
ARITHMETIC = FLOATING | {DType.INT64, DType.INT32}


def _at_least_two(name: str, types: Sequence[TensorType]) -> None:
    if len(types) < 2:
        raise OpError(f"{name} needs two inputs or more, got {len(types)}", code="wrong-inputs")


class Broadcast(Op):
    """Base of the elementwise ops on several inputs: from the last axis on, sizes agree, or are 1 and stretch."""

    dtypes = ARITHMETIC
    onnx_op: ClassVar[str]
    #: The function of two inputs, by its name in `operator` (printed as `a + b`) or else in torch.
    function: ClassVar[str]

    def of_two(self, t: TorchBuilder) -> Callable[[Any, Any], Any]:
        """The function of two inputs in PyTorch."""
        found: Callable[[Any, Any], Any] = getattr(operator, self.function, None) or getattr(t.torch, self.function)
        return found

    def to_torch(self, t: TorchBuilder, *inputs: TorchValue) -> TorchResult:
        return reduce(self.of_two(t), aligned_in_torch(inputs))

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> OnnxValue:
        *inputs, _ = inputs_then_params
        node: Callable[..., OnnxValue] = getattr(g, self.onnx_op)
        return reduce(node, aligned_in_onnx(g, inputs))


class Fold(Broadcast):
    """Base of those on two inputs or more, taken from left to right: `a + b + c`."""

    def infer(self, *inputs: TensorType) -> TensorType:
        _at_least_two(self.name, inputs)
        return broadcast(self.name, inputs)


class Pair(Broadcast):
    """Base of those on exactly two inputs, by torch's names."""

    def infer(self, input: TensorType, other: TensorType) -> TensorType:
        return broadcast(self.name, (input, other))


class Add(Fold):
    """Sum.   inputs: equal shapes, or sizes of 1 that stretch -> (*).   Source: residuals as in He et al. 2015."""

    name = "add"
    onnx_op = "Add"
    function = "add"
    examples = [
        Example("add", (3, 4), (3, 4)),
        Example("add", (2, 3), (1, 3), (2, 1)),
        Example("add", (2, 4, 3), (3,)),
        Example("add", (3,), (3,), dtype=DType.INT64),
        Example("add", (), ()),
    ]


class Mul(Fold):
    """Product, elementwise.   inputs: equal shapes, or sizes of 1 that stretch -> (*)."""

    name = "mul"
    onnx_op = "Mul"
    function = "mul"
    examples = [
        Example("mul", (3, 4, 4), (3, 1, 1)),
        Example("mul", (3,), (3,), (3,)),
        Example("mul", (), (4, 1), (2, 1, 3)),
    ]


class Maximum(Fold):
    """The largest, elementwise.   inputs: equal shapes, or sizes of 1 that stretch -> (*)."""

    name = "maximum"
    onnx_op = "Max"
    function = "maximum"
    examples = [Example("maximum", (3, 4), (3, 4)), Example("maximum", (3,), (1,), (3,))]


class Minimum(Fold):
    """The smallest, elementwise.   inputs: equal shapes, or sizes of 1 that stretch -> (*)."""

    name = "minimum"
    onnx_op = "Min"
    function = "minimum"
    examples = [Example("minimum", (3, 4), (3, 4)), Example("minimum", (3,), (1,), (3,))]


class Sub(Pair):
    """input - other, elementwise.   input, other: equal shapes, or sizes of 1 that stretch -> (*)."""

    name = "sub"
    onnx_op = "Sub"
    function = "sub"
    examples = [Example("sub", (3, 4), (3, 4)), Example("sub", (3, 1), (1, 4))]


class Div(Pair):
    """input / other, elementwise.   input, other: equal shapes, or sizes of 1 that stretch -> (*)."""

    name = "div"
    steep = True
    dtypes = FLOATING
    onnx_op = "Div"
    function = "truediv"
    examples = [Example("div", (3, 4), (3, 4)), Example("div", (3, 4), (3, 1))]


class Concat(Op):
    """Inputs one after the other along `dim`, by default the channels.

    inputs: (*, n_i, *), equal but for `dim` -> (*, n_1 + n_2 + ..., *).
    """

    name = "concat"
    dtypes = ANY_DTYPE
    moves_only = True
    dim: Axis = Main(1)
    examples = [
        Example("concat", (3, 4, 4), (2, 4, 4)),
        Example("concat: -1", (2, 3), (2, 1), (2, 2)),
        Example("concat", (3,), (2,), dtype=DType.INT64),
    ]

    def infer(self, *inputs: TensorType) -> TensorType:
        _at_least_two(self.name, inputs)
        same_dtype(self.name, inputs)
        same_rank(self.name, inputs)
        axis = resolve_axis("dim", self.dim, inputs[0].shape)
        others = {(*each.shape[: axis - 1], *each.shape[axis:]) for each in inputs}
        if len(others) > 1:
            message = f"concat needs equal shapes but for axis {axis}, got {shapes([each.shape for each in inputs])}"
            raise OpError(message, code="shape-mismatch")
        total = sum(each.shape[axis - 1] for each in inputs)
        return inputs[0].with_shape(*inputs[0].shape[: axis - 1], total, *inputs[0].shape[axis:])

    def reads(self, dim: int, *inputs: TensorType) -> Reads:
        return ALL if dim == resolve_axis("dim", self.dim, inputs[0].shape) else POINTWISE

    def to_torch(self, t: TorchBuilder, *inputs: TorchValue) -> TorchResult:
        dim = torch_axis(self.dim, resolve_axis("dim", self.dim, inputs[0].shape))
        return t.torch.cat(repeated_in_torch(inputs), dim=dim)

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> OnnxValue:
        *inputs, _ = inputs_then_params
        axis = resolve_axis("dim", self.dim, inputs[0].type.shape)
        return g.Concat(*repeated_in_onnx(g, inputs), axis=axis)


class Stack(Op):
    """Inputs side by side along a new axis that stands at `dim`.   inputs: (*) -> (*, number of inputs, *)."""

    name = "stack"
    dtypes = ANY_DTYPE
    moves_only = True
    dim: Axis = Main(1)
    examples = [Example("stack", (3, 4), (3, 4)), Example("stack: -1", (2,), (2,), (2,)), Example("stack", (), ())]

    def infer(self, *inputs: TensorType) -> TensorType:
        _at_least_two(self.name, inputs)
        same_dtype(self.name, inputs)
        if len({each.shape for each in inputs}) > 1:
            raise OpError(
                f"stack needs equal shapes, got {shapes([each.shape for each in inputs])}", code="shape-mismatch"
            )
        axis, shape = self.axis(inputs[0].rank), inputs[0].shape
        return inputs[0].with_shape(*shape[: axis - 1], len(inputs), *shape[axis - 1 :])

    def axis(self, rank: int) -> int:
        """Where the new axis stands, counted from 1, for inputs of that rank."""
        return resolve_axis("dim", self.dim, rank + 1)

    def reads(self, dim: int, *inputs: TensorType) -> Reads:
        return NEW if dim == self.axis(inputs[0].rank) else POINTWISE

    def source(self, dim: int, *inputs: TensorType) -> int | None:
        axis = self.axis(inputs[0].rank)
        return None if dim == axis else dim - (dim > axis)

    def to_torch(self, t: TorchBuilder, *inputs: TorchValue) -> TorchResult:
        return t.torch.stack(repeated_in_torch(inputs), dim=self.dim)

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> OnnxValue:
        *inputs, _ = inputs_then_params
        axis = self.axis(inputs[0].type.rank)
        parts = [g.Unsqueeze(each, g.ints([axis])) for each in repeated_in_onnx(g, inputs)]
        return g.Concat(*parts, axis=axis)
