"""Linear maps."""

from collections.abc import Mapping

from netspec.ir import Size, TensorType
from netspec.ops.attributes import PositiveInt
from netspec.ops.base import Example, Main, Op, OpError, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, POINTWISE, Reads
from netspec.ops.sizes import known


class Linear(Op):
    """Affine map of the last axis, y = x W^T + b.   input: (*, in_features) -> (*, out_features)."""

    name = "linear"
    out_features: PositiveInt = Main()
    bias: bool = True
    examples = [Example("linear: 8", (3,)), Example("linear: {out_features: 4, bias: false}", (5, 3))]

    def infer(self, input: TensorType) -> TensorType:
        if input.rank == 0:
            raise OpError("linear needs an axis to map; the input is one number a sample")
        known(input.shape[-1], "in_features of linear")
        return input.with_shape(*input.shape[:-1], self.out_features)

    def params(self, input: TensorType) -> Mapping[str, Param]:
        weight = Param((self.out_features, known(input.shape[-1], "in_features of linear")), dtype=input.dtype)
        return {"weight": weight} | ({"bias": Param((self.out_features,), dtype=input.dtype)} if self.bias else {})

    def macs(self, input: TensorType) -> Size:
        return input.numel * self.out_features

    def reads(self, dim: int, input: TensorType) -> Reads:
        return ALL if dim == input.rank else POINTWISE

    def explain(self, input: TensorType) -> str:
        return (
            f"({input.shape[-1]} + 1) * {self.out_features}"
            if self.bias
            else f"{input.shape[-1]} * {self.out_features}"
        )

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.nn.Linear(input.shape[-1], self.out_features, **self.given("bias"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        if len(input.shape) == 1:
            return g.Gemm(input, p.weight, p.bias, transB=1)
        product = g.MatMul(input, g.Transpose(p.weight, perm=[1, 0]))
        return g.Add(product, p.bias) if self.bias else product
