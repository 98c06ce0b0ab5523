"""Elementwise activations without attributes, and the base of all of them.

Those with attributes are in `activation_parametric`, those along an axis in `activation_axis`.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

from netspec.ir import TensorType
from netspec.ops.base import Example, Op
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue


class Elementwise(Op):
    """Base of the activations: the shape stays; `torch_class` and `onnx_op` take the attributes."""

    torch_class: ClassVar[str]
    onnx_op: ClassVar[str]

    def infer(self, input: TensorType) -> TensorType:
        return input

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        """The main attribute stands by position, as people write it: `nn.LeakyReLU(0.2)`."""
        options = self.given(*type(self).model_fields)
        first = [options.pop(name) for name in list(options) if name == self.main()]
        return getattr(t.nn, self.torch_class)(*first, **options)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        operator: Callable[..., OnnxValue] = getattr(g, self.onnx_op)
        return operator(input, **self.onnx_attributes())

    def onnx_attributes(self) -> dict[str, Any]:
        """The ONNX operator's attributes."""
        return {}


class Clipped(Elementwise):
    """Base of the activations that clip to an interval."""

    monotone = True

    @abstractmethod
    def bounds(self) -> tuple[float, float]:
        """The interval's ends."""

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        low, high = self.bounds()
        return g.Clip(input, g.scalar(low, like=input), g.scalar(high, like=input))


class Relu(Elementwise):
    """max(0, x).   input: (*) -> (*).   Source: Nair and Hinton 2010."""

    name = "relu"
    monotone = True
    torch_class = "ReLU"
    onnx_op = "Relu"
    examples = [Example("relu", (3, 4, 4)), Example("relu", ())]


class Relu6(Clipped):
    """min(max(0, x), 6).   input: (*) -> (*)."""

    name = "relu6"
    torch_class = "ReLU6"
    examples = [Example("relu6", (3, 4))]

    def bounds(self) -> tuple[float, float]:
        return 0.0, 6.0


class Selu(Elementwise):
    """Scaled elu that keeps mean 0 and variance 1.   input: (*) -> (*).   Source: Klambauer et al. 2017."""

    name = "selu"
    monotone = True
    torch_class = "SELU"
    onnx_op = "Selu"
    examples = [Example("selu", (3, 4))]


class Sigmoid(Elementwise):
    """1/(1 + exp(-x)).   input: (*) -> (*)."""

    name = "sigmoid"
    monotone = True
    torch_class = "Sigmoid"
    onnx_op = "Sigmoid"
    examples = [Example("sigmoid", (3, 4))]


class Tanh(Elementwise):
    """Hyperbolic tangent.   input: (*) -> (*)."""

    name = "tanh"
    monotone = True
    torch_class = "Tanh"
    onnx_op = "Tanh"
    examples = [Example("tanh", (3, 4))]


class Silu(Elementwise):
    """x * sigmoid(x), also called swish.   input: (*) -> (*).   Source: Ramachandran et al. 2017."""

    name = "silu"
    torch_class = "SiLU"
    examples = [Example("silu", (3, 4))]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Mul(input, g.Sigmoid(input))


class Mish(Elementwise):
    """x * tanh(softplus(x)).   input: (*) -> (*).   Source: Misra 2019."""

    name = "mish"
    torch_class = "Mish"
    onnx_op = "Mish"
    examples = [Example("mish", (3, 4))]


class Softsign(Elementwise):
    """x/(1 + |x|).   input: (*) -> (*)."""

    name = "softsign"
    monotone = True
    torch_class = "Softsign"
    onnx_op = "Softsign"
    examples = [Example("softsign", (3, 4))]


class Hardsigmoid(Elementwise):
    """min(max(0, x/6 + 1/2), 1).   input: (*) -> (*).   Source: Howard et al. 2019."""

    name = "hardsigmoid"
    monotone = True
    torch_class = "Hardsigmoid"
    onnx_op = "HardSigmoid"
    examples = [Example("hardsigmoid", (3, 4))]

    def onnx_attributes(self) -> dict[str, Any]:
        return {"alpha": 1 / 6, "beta": 0.5}


class Hardswish(Elementwise):
    """x * hardsigmoid(x).   input: (*) -> (*).   Source: Howard et al. 2019."""

    name = "hardswish"
    torch_class = "Hardswish"
    onnx_op = "HardSwish"
    examples = [Example("hardswish", (3, 4))]


class Logsigmoid(Elementwise):
    """log(sigmoid(x)).   input: (*) -> (*)."""

    name = "logsigmoid"
    monotone = True
    torch_class = "LogSigmoid"
    examples = [Example("logsigmoid", (3, 4))]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Neg(g.Softplus(g.Neg(input)))


class Tanhshrink(Elementwise):
    """x - tanh(x).   input: (*) -> (*)."""

    # Monotone in the reals, not in floating point: near zero the difference is all rounding.
    name = "tanhshrink"
    torch_class = "Tanhshrink"
    examples = [Example("tanhshrink", (3, 4))]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Sub(input, g.Tanh(input))
