"""Elementwise functions that are no activations."""

from collections.abc import Callable
from typing import ClassVar, Literal

from netspec.ir import DType, TensorType
from netspec.ops.attributes import Float, OptionalFloat
from netspec.ops.base import ANY_DTYPE, FLOATING, Example, Main, Op, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue


class Function(Op):
    """Base: the shape stays; torch's function has the op's name."""

    onnx_op: ClassVar[str]

    def infer(self, input: TensorType) -> TensorType:
        return input

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return getattr(input, self.name)()

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        operator: Callable[..., OnnxValue] = getattr(g, self.onnx_op)
        return operator(input)


class Abs(Function):
    """|x|.   input: (*) -> (*)."""

    name = "abs"
    dtypes = FLOATING | {DType.INT64}
    onnx_op = "Abs"
    examples = [Example("abs", (3, 4)), Example("abs", (3,), dtype=DType.INT64)]


class Neg(Function):
    """-x.   input: (*) -> (*)."""

    name = "neg"
    dtypes = FLOATING | {DType.INT64}
    onnx_op = "Neg"
    examples = [Example("neg", (3, 4))]


class Exp(Function):
    """e^x.   input: (*) -> (*)."""

    name = "exp"
    onnx_op = "Exp"
    examples = [Example("exp", (3, 4))]


class Log(Function):
    """Natural logarithm, NaN below zero.   input: (*) -> (*)."""

    name = "log"
    steep = True
    onnx_op = "Log"
    examples = [Example("log", (3, 4))]


class Sqrt(Function):
    """Square root, NaN below zero.   input: (*) -> (*)."""

    name = "sqrt"
    steep = True
    onnx_op = "Sqrt"
    examples = [Example("sqrt", (3, 4))]


class Square(Function):
    """x*x.   input: (*) -> (*)."""

    name = "square"
    examples = [Example("square", (3, 4))]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Mul(input, input)


class Pow(Function):
    """x^exponent.   input: (*) -> (*)."""

    name = "pow"
    steep = True
    exponent: Float = Main()
    examples = [Example("pow: 3", (3, 4)), Example("pow: {exponent: -0.5}", (5,))]

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.pow(self.exponent)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Pow(input, g.scalar(self.exponent, like=input))


class Clamp(Function):
    """x, but not below `min` and not above `max`, of which one may be left out.   input: (*) -> (*)."""

    name = "clamp"
    monotone = True
    min: OptionalFloat = None
    max: OptionalFloat = None
    examples = [Example("clamp: {min: 0}", (3, 4)), Example("clamp: {min: -0.5, max: 0.25}", (5,))]

    def infer(self, input: TensorType) -> TensorType:
        if self.min is None and self.max is None:
            raise OpError("clamp needs `min` or `max`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise OpError(f"min {self.min:g} exceeds max {self.max:g}", attr="min")
        return input

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.clamp(**self.given("min", "max"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        bounds = (None if bound is None else g.scalar(bound, like=input) for bound in (self.min, self.max))
        return g.Clip(input, *bounds)


class To(Op):
    """Elements of another type; fractions are cut off, and what is not zero is true.   input: (*) -> dtype (*)."""

    name = "to"
    dtypes = ANY_DTYPE
    dtype: Literal["float32", "float64", "float16", "int64", "int32", "bool"] = Main()
    examples = [
        Example("to: float32", (3, 4), dtype=DType.UINT8),
        Example("to: int64", (3, 4)),
        Example("to: {dtype: bool}", (5,), dtype=DType.INT64),
        Example("to: float16", (2, 3)),
        Example("to: float64", (2,), dtype=DType.BOOL),
    ]

    def infer(self, input: TensorType) -> TensorType:
        return input.with_dtype(DType(self.dtype))

    def below(self, input: TensorType) -> int | None:
        return input.below if self.dtype in ("int64", "int32") else None

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.to(getattr(t.torch, self.dtype))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.cast(input, DType(self.dtype))
