"""Attention."""

from collections.abc import Mapping
from math import sqrt
from typing import Any, TypeVar, cast

from netspec.ir import DType, Size, TensorType, product
from netspec.ops.attributes import OptionalPositiveFloat, PositiveInt, Probability
from netspec.ops.base import Example, Main, Masked, Op, OpError, Param
from netspec.ops.broadcast import repeated_in_onnx, repeated_in_torch, same_dtype, shapes
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, POINTWISE, Reads, Window
from netspec.ops.sizes import known

T = TypeVar("T")


class ScaledDotProductAttention(Op):
    """softmax(query key^T * scale) value, the softmax over the keys.

    query: (*, targets, features), key: (*, sources, features), value: (*, sources, value_features)
    -> (*, targets, value_features), with equal leading axes (heads). `scale` left out is 1/sqrt(features); with
    `is_causal` position i sees keys up to i. Source: Vaswani et al. 2017, equation 1.
    """

    name = "scaled_dot_product_attention"
    is_causal: bool = False
    scale: OptionalPositiveFloat = None
    examples = [
        Example("scaled_dot_product_attention", (2, 5, 4), (2, 3, 4), (2, 3, 6)),
        Example("scaled_dot_product_attention: {is_causal: true}", (2, 4, 3), (2, 4, 3), (2, 4, 3)),
        Example("scaled_dot_product_attention: {scale: 0.5}", (5, 4), (3, 4), (3, 4)),
    ]

    def infer(self, query: TensorType, key: TensorType, value: TensorType) -> TensorType:
        inputs = (query, key, value)
        same_dtype(self.name, inputs)
        fits = min(each.rank for each in inputs) >= 2 and len({each.shape[:-2] for each in inputs}) == 1
        if not (fits and query.shape[-1] == key.shape[-1] and key.shape[-2] == value.shape[-2]):
            message = f"{self.name} needs [*, targets, features], [*, sources, features] and [*, sources, values], got"
            raise OpError(f"{message} {shapes([each.shape for each in inputs])}", code="shape-mismatch")
        self._scale(query)
        return query.with_shape(*query.shape[:-1], value.shape[-1])

    def macs(self, query: TensorType, key: TensorType, value: TensorType) -> Size:
        scores = product(query.shape[:-1]) * key.shape[-2]
        return scores * (query.shape[-1] + value.shape[-1])

    def reads(self, dim: int, query: TensorType, key: TensorType, value: TensorType) -> Reads:
        return POINTWISE if dim <= query.rank - 2 else ALL

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        """A position reads its own query, and every key and value (up to its own position, if causal)."""
        rank = inputs[0].rank
        if dim <= rank - 2:
            return POINTWISE, dim
        if dim == rank:
            return (POINTWISE if port == 2 else ALL), dim
        if port == 0:
            return POINTWISE, dim
        sources = inputs[port].shape[-2]
        return (Window(1, 1 - sources, 0) if self.is_causal and isinstance(sources, int) else ALL), dim

    def filler(self, port: int, *inputs: TensorType) -> float | None:
        return 0.0 if port > 0 and known(inputs[0].shape[-1], "the number of features") else None

    def masked(self, query: TensorType, key: TensorType, value: TensorType) -> Masked | None:
        from netspec.ops.masked_attention import ScaledDotProductAttentionToValid

        if key.rank - 1 not in key.valid:
            return None
        op = ScaledDotProductAttentionToValid.model_construct(**dict(self))
        return Masked(op, masks=((1, key.rank - 1),))

    def _scale(self, query: TensorType) -> float:
        return 1 / sqrt(known(query.shape[-1], "the number of features")) if self.scale is None else self.scale

    def to_torch(self, t: TorchBuilder, query: TorchValue, key: TorchValue, value: TorchValue) -> TorchResult:
        inputs = repeated_in_torch((query, key, value))
        return t.F.scaled_dot_product_attention(*inputs, **self.given("is_causal", "scale"))

    def to_onnx(self, g: OnnxBuilder, query: OnnxValue, key: OnnxValue, value: OnnxValue, p: OnnxParams) -> OnnxValue:
        return self.attended(g, query, key, value)

    def attended(
        self, g: OnnxBuilder, query: OnnxValue, key: OnnxValue, value: OnnxValue, bias: OnnxValue | None = None
    ) -> OnnxValue:
        """The value in ONNX, with `bias` added to the scores."""
        scale = g.scalar(self._scale(query.type), like=query)
        mask = _causal(g, query, key) if self.is_causal else bias
        mask = g.Add(mask, bias) if self.is_causal and bias is not None else mask
        rank = query.type.rank
        return attend_in_onnx(g, *repeated_in_onnx(g, (query, key, value)), rank=rank, scale=scale, mask=mask)


class MultiheadAttention(Op):
    """Attention of `num_heads` heads between learned linear maps, with torch.nn.MultiheadAttention's parameters.

    query: (targets, embed_dim), key, value: (sources, embed_dim) -> (targets, embed_dim). Read by one input it is
    self-attention; by two, the second is key and value. `dropout` drops attention weights while training.
    Source: Vaswani et al. 2017, section 3.2.2.
    """

    name = "multihead_attention"
    train_differs = True
    num_heads: PositiveInt = Main()
    dropout: Probability = 0.0
    bias: bool = True
    examples = [
        Example("multihead_attention: 2", (5, 6)),
        Example("multihead_attention: {num_heads: 3, bias: false}", (4, 6), (3, 6)),
        Example("multihead_attention: {num_heads: 1, dropout: 0.5}", (4, 2), (3, 2), (3, 2)),
    ]

    def infer(self, query: TensorType, key: TensorType | None = None, value: TensorType | None = None) -> TensorType:
        inputs = _ports(query, key, value)
        same_dtype(self.name, inputs)
        if any(each.rank != 2 for each in inputs) or len({each.shape[-1] for each in inputs}) > 1:
            message = f"{self.name} needs [positions, embed_dim], got {shapes([each.shape for each in inputs])}"
            raise OpError(message, code="shape-mismatch")
        if inputs[1].shape[0] != inputs[2].shape[0]:
            message = f"{self.name} needs as many keys as values, got {shapes([each.shape for each in inputs[1:]])}"
            raise OpError(message, code="shape-mismatch")
        if known(query.shape[-1], "embed_dim") % self.num_heads:
            message = f"embed_dim {query.shape[-1]} is not divisible by num_heads {self.num_heads}"
            raise OpError(message, attr="num_heads")
        return query

    def params(self, query: TensorType, *others: TensorType) -> Mapping[str, Param]:
        width, dtype = known(query.shape[-1], "embed_dim"), query.dtype
        biases = {"in_proj_bias": (3 * width,), "out_proj.bias": (width,)} if self.bias else {}
        found = {"in_proj_weight": (3 * width, width), "out_proj.weight": (width, width)} | biases
        order = ("in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias")
        return {name: Param(found[name], dtype=dtype) for name in order if name in found}

    def macs(self, query: TensorType, *others: TensorType) -> Size:
        query, key, _ = _ports(query, *others)
        (targets, width), sources = query.shape, key.shape[0]
        projections = (2 * targets + 2 * sources) * width * width
        return projections + 2 * targets * sources * width

    def explain(self, query: TensorType, *others: TensorType) -> str:
        width = query.shape[-1]
        return f"4 * ({width} + 1) * {width}" if self.bias else f"4 * {width} * {width}"

    def reads(self, dim: int, *inputs: TensorType) -> Reads:
        return ALL

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        """A position reads its own query, and every key and value."""
        own = port == 0 and dim == 1 and len(inputs) > 1
        return (POINTWISE if own else ALL), dim

    def filler(self, port: int, *inputs: TensorType) -> float:
        return 0.0

    def masked(self, query: TensorType, *others: TensorType) -> Masked | None:
        from netspec.ops.masked_attention import MultiheadAttentionToValid

        key = min(1, len(others))
        if 1 not in (query, *others)[key].valid:
            return None
        op = MultiheadAttentionToValid.model_construct(**dict(self))
        return Masked(op, masks=((key, 1),))

    def to_torch(self, t: TorchBuilder, query: TorchValue, *others: TorchValue) -> TorchResult:
        return self.attended_in_torch(t, query, *others)

    def attended_in_torch(self, t: TorchBuilder, *given: TorchValue, **options: Any) -> TorchResult:
        """torch's module, called with these options too."""
        inputs = _ports(*repeated_in_torch(given))
        built = {**self.given("dropout", "bias"), "batch_first": True}
        module = t.nn.MultiheadAttention(given[0].shape[-1], self.num_heads, **built)
        return t.module(module, lambda own: own(*inputs, **options, need_weights=False)[0])

    def to_onnx(self, g: OnnxBuilder, query: OnnxValue, *others_then_params: OnnxValue) -> OnnxValue:
        *others, p = others_then_params
        return self.attended_in_onnx(g, [query, *others], cast(OnnxParams, p), None)

    def attended_in_onnx(
        self, g: OnnxBuilder, given: list[OnnxValue], params: OnnxParams, bias: OnnxValue | None
    ) -> OnnxValue:
        """The value in ONNX, with `bias` added to the scores of all heads."""
        query = given[0]
        width = known(query.shape[-1], "embed_dim")
        inputs = _ports(*repeated_in_onnx(g, given))
        maps = self._maps(g, params, width)
        heads = [self._heads(g, each, *weights) for each, weights in zip(inputs, maps, strict=True)]
        scale = g.scalar(1 / sqrt(width // self.num_heads), like=query)
        attended = g.Transpose(attend_in_onnx(g, *heads, rank=3, scale=scale, mask=bias), perm=[0, 2, 1, 3])
        joined = g.Reshape(attended, g.ints([0, 0, width]))
        return linear_in_onnx(g, joined, getattr(params, "out_proj.weight"), getattr(params, "out_proj.bias"))

    def _maps(self, g: OnnxBuilder, p: OnnxParams, width: int) -> list[tuple[OnnxValue, OnnxValue | None]]:
        """Weight and bias of the maps of query, key and value."""
        sizes = g.ints([width] * 3)
        weights = g.call("Split", p.in_proj_weight, sizes, outputs=3, axis=0)
        biases = g.call("Split", p.in_proj_bias, sizes, outputs=3, axis=0) if self.bias else (None,) * 3
        return list(zip(weights, biases, strict=True))

    def _heads(self, g: OnnxBuilder, input: OnnxValue, weight: OnnxValue, bias: OnnxValue | None) -> OnnxValue:
        """[N, positions, embed_dim] -> [N, heads, positions, embed_dim/heads]."""
        mapped = linear_in_onnx(g, input, weight, bias)
        return g.Transpose(g.Reshape(mapped, g.ints([0, 0, self.num_heads, -1])), perm=[0, 2, 1, 3])


def _ports(query: T, key: T | None = None, value: T | None = None) -> tuple[T, T, T]:
    """Query, key and value; what is left out is the one before it."""
    key = query if key is None else key
    return query, key, key if value is None else value


def linear_in_onnx(g: OnnxBuilder, input: OnnxValue, weight: Any, bias: Any) -> OnnxValue:
    """The affine map of the last axis; without a bias, the linear one."""
    product = g.MatMul(input, g.Transpose(weight, perm=[1, 0]))
    return product if bias is None else g.Add(product, bias)


def attend_in_onnx(
    g: OnnxBuilder, query: Any, key: Any, value: Any, *, rank: int, scale: OnnxValue, mask: OnnxValue | None
) -> OnnxValue:
    """softmax(query key^T * scale + mask) value, of so many axes a sample."""
    transposed = g.Transpose(key, perm=[*range(rank - 1), rank, rank - 1])
    scores = g.Mul(g.MatMul(query, transposed), scale)
    return g.MatMul(g.Softmax(scores if mask is None else g.Add(scores, mask), axis=-1), value)


def _causal(g: OnnxBuilder, query: OnnxValue, key: OnnxValue) -> OnnxValue:
    """[targets, sources]: minus infinity where the source comes after the target, zero elsewhere."""
    sizes = g.Concat(g.Shape(query, start=-2, end=-1), g.Shape(key, start=-2, end=-1), axis=0)
    return g.Trilu(g.Expand(g.scalar(float("-inf"), like=query), sizes), g.constant(1, DType.INT64), upper=1)
