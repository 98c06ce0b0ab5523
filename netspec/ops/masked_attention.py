"""Attention that leaves out keys beyond a sample's length; the pass `masks` puts it in the place of plain attention."""

from typing import Any, ClassVar, cast

from netspec.ir import Size, TensorType
from netspec.ops.attention import MultiheadAttention, ScaledDotProductAttention
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.masked import aligned, onnx_aligned
from netspec.ops.reads import NEW, Reads


class ScaledDotProductAttentionToValid(ScaledDotProductAttention):
    """The same.   query, key, value, mask: bool (sources) -> as without the mask."""

    name: ClassVar[str] = "scaled_dot_product_attention_to_valid"

    def infer(self, query: TensorType, key: TensorType, value: TensorType, *mask: TensorType) -> TensorType:
        return super().infer(query, key, value)

    def macs(self, query: TensorType, key: TensorType, value: TensorType, *mask: TensorType) -> Size:
        return super().macs(query, key, value)

    def reads(self, dim: int, query: TensorType, key: TensorType, value: TensorType, *mask: TensorType) -> Reads:
        return super().reads(dim, query, key, value)

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        return (NEW, None) if port == 3 else super().reads_of(port, dim, *inputs[:3])

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(
        self, t: TorchBuilder, query: TorchValue, key: TorchValue, value: TorchValue, *masks: TorchValue
    ) -> TorchResult:
        [mask], rank = masks, query.type.rank
        allowed = aligned(mask, rank, rank)
        if self.is_causal:
            ones = t.torch.ones(query.size(-2), key.size(-2), dtype=t.torch.bool, device=query.device)
            allowed = t.torch.logical_and(allowed, ones.tril())
        return t.F.scaled_dot_product_attention(query, key, value, attn_mask=allowed, **self.given("scale"))

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> OnnxValue:
        query, key, value, mask, _ = inputs_then_params
        return self.attended(g, query, key, value, _bias(g, mask, query, query.type.rank))


class MultiheadAttentionToValid(MultiheadAttention):
    """The same.   query, key, value (or fewer), mask: bool (sources) -> as without the mask."""

    name: ClassVar[str] = "multihead_attention_to_valid"

    def infer(self, *inputs_then_mask: Any) -> TensorType:
        return super().infer(*inputs_then_mask[:-1])

    def params(self, *inputs_then_mask: TensorType) -> Any:
        return super().params(*inputs_then_mask[:-1])

    def macs(self, *inputs_then_mask: TensorType) -> Size:
        return super().macs(*inputs_then_mask[:-1])

    def explain(self, *inputs_then_mask: TensorType) -> str:
        return super().explain(*inputs_then_mask[:-1])

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        return (NEW, None) if port == len(inputs) - 1 else super().reads_of(port, dim, *inputs[:-1])

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, *inputs_then_mask: TorchValue) -> TorchResult:
        *inputs, mask = inputs_then_mask
        return self.attended_in_torch(t, *inputs, key_padding_mask=t.torch.logical_not(cast(Any, mask)))

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> OnnxValue:
        *inputs, mask, p = inputs_then_params
        return self.attended_in_onnx(g, inputs, cast(OnnxParams, p), _bias(g, mask, inputs[0], 3))


def _bias(g: OnnxBuilder, mask: OnnxValue, like: OnnxValue, rank: int) -> OnnxValue:
    """[N, sources] as what is added to scores of so many axes a sample: zero, or minus infinity."""
    zero, lowest = g.scalar(0, like=like), g.scalar(float("-inf"), like=like)
    return g.Where(onnx_aligned(g, mask, rank, rank), zero, lowest)
