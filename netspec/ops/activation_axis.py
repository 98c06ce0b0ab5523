"""Activations along an axis."""

from typing import ClassVar

from netspec.ir import TensorType
from netspec.ops.attributes import Axis, OptionalAxis
from netspec.ops.axes import resolve_axis, torch_axis
from netspec.ops.base import Example, Main, Op, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, POINTWISE, Reads
from netspec.ops.sizes import divisible, proof

# torch.finfo(dtype).min.
_LOWEST = {
    "float32": -(2.0 - 2.0**-23) * 2.0**127, "float64": -(2.0 - 2.0**-52) * 2.0**1023, "float16": -65504.0,
    "bfloat16": -(2.0 - 2.0**-7) * 2.0**127,
}  # fmt: skip


class SoftmaxLike(Op):
    """Base of softmax and its kin: positive numbers of sum 1 along an axis, or their logarithms.

    `dim` may be left out where a sample has one axis. (PyTorch then guesses by rank, and warns that it does.)
    """

    torch_class: ClassVar[str]
    sign: ClassVar[int] = 1

    dim: OptionalAxis = Main(None)

    def axis(self, input: TensorType) -> int:
        """The axis, counted from 1.

        Raises:
            OpError: there is no such axis, or none is named and there are several.
        """
        if self.dim is None and input.rank > 1:
            message = f"{self.name} over which axis of {list(input.shape)}?"
            raise OpError(
                message, attr="dim", help=f"name it: `{self.name}: 1` for the channels, `{self.name}: -1` for the last"
            )
        return resolve_axis("dim", -1 if self.dim is None else self.dim, input.shape)

    def infer(self, input: TensorType) -> TensorType:
        self.axis(input)
        return input

    def reads(self, dim: int, input: TensorType) -> Reads:
        return ALL if dim == self.axis(input) else POINTWISE

    def filler(self, port: int, input: TensorType) -> float:
        # Finite, so that a product with what comes out has a finite gradient; exp of the difference is zero.
        return self.sign * _LOWEST[input.dtype]

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        axis = self.axis(input.type)
        dim = axis if self.dim is None else torch_axis(self.dim, axis)
        return getattr(t.nn, self.torch_class)(dim=dim)


class Softmax(SoftmaxLike):
    """exp(x)/sum(exp(x)) along `dim`.   input: (*) -> (*)."""

    name = "softmax"
    torch_class = "Softmax"
    examples = [Example("softmax", (10,)), Example("softmax: 1", (3, 4, 4)), Example("softmax: {dim: -2}", (2, 3, 4))]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Softmax(input, axis=self.axis(input.type))


class LogSoftmax(SoftmaxLike):
    """log(softmax(x)) along `dim`.   input: (*) -> (*)."""

    name = "log_softmax"
    torch_class = "LogSoftmax"
    examples = [Example("log_softmax", (10,)), Example("log_softmax: 2", (3, 4))]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.LogSoftmax(input, axis=self.axis(input.type))


class Softmin(SoftmaxLike):
    """softmax(-x) along `dim`.   input: (*) -> (*)."""

    name = "softmin"
    torch_class = "Softmin"
    sign = -1
    examples = [Example("softmin", (10,)), Example("softmin: -1", (3, 4))]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Softmax(g.Neg(input), axis=self.axis(input.type))


class Glu(Op):
    """Gated linear unit: the first half along `dim` times the sigmoid of the second.

    input: (..., 2*n, ...) -> (..., n, ...).   Source: Dauphin et al. 2017.
    """

    name = "glu"
    dim: Axis = Main(-1)
    examples = [Example("glu", (6,)), Example("glu: 1", (4, 3, 2)), Example("glu: {dim: -2}", (2, 6, 3))]

    def infer(self, input: TensorType) -> TensorType:
        axis = self.axis(input)
        size = input.shape[axis - 1]
        if not divisible(size, 2):
            fault = "is odd" if isinstance(size, int) else "is not known to be even"
            raise OpError(f"glu halves axis {axis}, whose size {size} {fault}", attr="dim", help=proof(size % 2, 0))
        return input.with_shape(*input.shape[: axis - 1], size // 2, *input.shape[axis:])

    def axis(self, input: TensorType) -> int:
        """The axis that is halved, counted from 1."""
        return resolve_axis("dim", self.dim, input.shape)

    def reads(self, dim: int, input: TensorType) -> Reads:
        return ALL if dim == self.axis(input) else POINTWISE

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        options = self.given("dim")
        return t.nn.GLU(**{name: torch_axis(dim, self.axis(input.type)) for name, dim in options.items()})

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        value, gate = g.call("Split", input, outputs=2, axis=self.axis(input.type), num_outputs=2)
        return g.Mul(value, g.Sigmoid(gate))
