"""Elementwise activations with attributes, or with a learned slope."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from netspec.ir import TensorType
from netspec.ops.activation import Clipped, Elementwise
from netspec.ops.attributes import Float, NonNegativeFloat, PositiveFloat, PositiveInt
from netspec.ops.base import Example, Main, OpError, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue
from netspec.ops.sizes import known


class LeakyRelu(Elementwise):
    """x where positive, negative_slope * x elsewhere.   input: (*) -> (*).   Source: Maas et al. 2013."""

    name = "leaky_relu"
    monotone = True
    torch_class = "LeakyReLU"
    onnx_op = "LeakyRelu"
    negative_slope: NonNegativeFloat = Main(0.01)
    examples = [Example("leaky_relu", (5,)), Example("leaky_relu: 0.2", (3, 4))]

    def onnx_attributes(self) -> dict[str, Any]:
        return {"alpha": self.negative_slope}


class Rrelu(Elementwise):
    """Leaky relu whose slope is drawn from [lower, upper] for each element while training, their mean in evaluation.

    input: (*) -> (*).   Source: Xu et al. 2015.
    """

    name = "rrelu"
    train_differs = True
    torch_class = "RReLU"
    onnx_op = "LeakyRelu"
    lower: NonNegativeFloat = 1 / 8
    upper: NonNegativeFloat = 1 / 3
    examples = [Example("rrelu", (3, 4)), Example("rrelu: {lower: 0.2, upper: 0.2}", (5,))]

    def infer(self, input: TensorType) -> TensorType:
        if self.lower > self.upper:
            raise OpError(f"lower {self.lower:g} exceeds upper {self.upper:g}", attr="lower")
        return input

    def onnx_attributes(self) -> dict[str, Any]:
        return {"alpha": (self.lower + self.upper) / 2}


class Prelu(Elementwise):
    """Leaky relu with learned slopes: one for all (num_parameters 1), or one a channel.

    input: (channels, *) -> the same.   Source: He et al. 2015.
    """

    name = "prelu"
    torch_class = "PReLU"
    num_parameters: PositiveInt = Main(1)
    init: Float = 0.25
    examples = [
        Example("prelu", (3, 4, 4)),
        Example("prelu: {num_parameters: 3, init: 0.1}", (3, 4, 4)),
        Example("prelu: 5", (5,)),
        Example("prelu", ()),
    ]

    def infer(self, input: TensorType) -> TensorType:
        if self.num_parameters == 1:
            return input
        channels = known(input.shape[0], "the number of channels of prelu") if input.rank else 1
        if self.num_parameters != channels:
            raise OpError(
                f"num_parameters {self.num_parameters} is neither 1 nor the {channels} channels", attr="num_parameters"
            )
        return input

    def params(self, input: TensorType) -> Mapping[str, Param]:
        return {"weight": Param((self.num_parameters,), dtype=input.dtype)}

    def explain(self, input: TensorType) -> str:
        return str(self.num_parameters)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        trailing = max(0, input.type.rank - 1)
        return g.PRelu(input, g.Reshape(p.weight, g.ints([self.num_parameters] + [1] * trailing)))


class Elu(Elementwise):
    """x where positive, alpha * (exp(x) - 1) elsewhere.   input: (*) -> (*).   Source: Clevert et al. 2015."""

    name = "elu"
    monotone = True
    torch_class = "ELU"
    onnx_op = "Elu"
    alpha: NonNegativeFloat = Main(1.0)
    examples = [Example("elu", (3, 4)), Example("elu: 0.5", (5,))]

    def onnx_attributes(self) -> dict[str, Any]:
        return {"alpha": self.alpha}


class Celu(Elementwise):
    """x where positive, alpha * (exp(x/alpha) - 1) elsewhere.   input: (*) -> (*).   Source: Barron 2017."""

    name = "celu"
    monotone = True
    torch_class = "CELU"
    onnx_op = "Celu"
    alpha: PositiveFloat = Main(1.0)
    examples = [Example("celu", (3, 4)), Example("celu: 0.5", (5,))]

    def onnx_attributes(self) -> dict[str, Any]:
        return {"alpha": self.alpha}


class Gelu(Elementwise):
    """x times the normal distribution's P(X <= x), or its approximation by tanh.

    input: (*) -> (*).   Source: Hendrycks and Gimpel 2016.
    """

    name = "gelu"
    torch_class = "GELU"
    onnx_op = "Gelu"
    # In a spec `none` reads as null; here it is PyTorch's word.
    approximate: Annotated[Literal["none", "tanh"], BeforeValidator(lambda word: "none" if word is None else word)] = (
        "none"
    )
    examples = [Example("gelu", (3, 4)), Example("gelu: {approximate: tanh}", (5,))]

    def onnx_attributes(self) -> dict[str, Any]:
        return {"approximate": self.approximate}


class Softplus(Elementwise):
    """log(1 + exp(beta*x))/beta, and x itself where beta*x exceeds the threshold.   input: (*) -> (*)."""

    # Not monotone: at the threshold it steps down by log(1 + exp(-threshold))/beta.
    name = "softplus"
    torch_class = "Softplus"
    beta: PositiveFloat = 1.0
    threshold: Float = 20.0
    examples = [Example("softplus", (3, 4)), Example("softplus: {beta: 2, threshold: 1}", (5,))]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        beta = g.scalar(self.beta, like=input)
        scaled = g.Mul(input, beta)
        smooth = g.Div(g.Softplus(scaled), beta)
        return g.Where(g.Greater(scaled, g.scalar(self.threshold, like=input)), input, smooth)


class Hardtanh(Clipped):
    """x clipped to [min_val, max_val].   input: (*) -> (*)."""

    name = "hardtanh"
    torch_class = "Hardtanh"
    min_val: Float = -1.0
    max_val: Float = 1.0
    examples = [Example("hardtanh", (3, 4)), Example("hardtanh: {min_val: -0.5, max_val: 2}", (5,))]

    def infer(self, input: TensorType) -> TensorType:
        if self.min_val >= self.max_val:
            raise OpError(f"max_val {self.max_val:g} must be greater than min_val {self.min_val:g}", attr="max_val")
        return input

    def bounds(self) -> tuple[float, float]:
        return self.min_val, self.max_val


class Shrink(Elementwise):
    """Base of the activations that are zero on [-lambd, lambd]."""

    monotone = True
    onnx_op = "Shrink"
    lambd: NonNegativeFloat = Main(0.5)


class Softshrink(Shrink):
    """x moved towards zero by lambd, zero where |x| <= lambd.   input: (*) -> (*)."""

    name = "softshrink"
    torch_class = "Softshrink"
    examples = [Example("softshrink", (3, 4)), Example("softshrink: 0.1", (5,))]

    def onnx_attributes(self) -> dict[str, Any]:
        return {"lambd": self.lambd, "bias": self.lambd}


class Hardshrink(Shrink):
    """x, zero where |x| <= lambd.   input: (*) -> (*)."""

    name = "hardshrink"
    torch_class = "Hardshrink"
    examples = [Example("hardshrink", (3, 4)), Example("hardshrink: 0.1", (5,))]

    def onnx_attributes(self) -> dict[str, Any]:
        return {"lambd": self.lambd, "bias": 0.0}


class Threshold(Elementwise):
    """x where it exceeds the threshold, `value` elsewhere.   input: (*) -> (*)."""

    name = "threshold"
    torch_class = "Threshold"
    threshold: Float
    value: Float
    examples = [Example("threshold: {threshold: 0.1, value: 20}", (3, 4))]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        above = g.Greater(input, g.scalar(self.threshold, like=input))
        return g.Where(above, input, g.scalar(self.value, like=input))
