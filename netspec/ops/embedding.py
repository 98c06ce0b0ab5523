"""Indices as vectors."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.ir import DType, TensorType
from netspec.ops.attributes import OptionalIndex, PositiveInt
from netspec.ops.base import Example, Main, Op, OpError, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import NEW, POINTWISE, Reads


class Lookup(Op):
    """Base of those that give each index a new last axis."""

    dtypes = frozenset({DType.INT64})

    def width(self) -> int:
        """Size of the new axis."""
        raise NotImplementedError(type(self).__name__)

    def infer(self, input: TensorType) -> TensorType:
        return input.with_shape(*input.shape, self.width())

    def reads(self, dim: int, input: TensorType) -> Reads:
        return POINTWISE if dim <= input.rank else NEW

    def source(self, dim: int, input: TensorType) -> int | None:
        return dim if dim <= input.rank else None


class Embedding(Lookup):
    """A learned vector for each index below `num_embeddings`.   input: int64 (*) -> float32 (*, embedding_dim).

    The vector of `padding_idx` starts at zero and is not trained.
    """

    name = "embedding"
    embedding_dim: PositiveInt = Main()
    num_embeddings: PositiveInt
    padding_idx: OptionalIndex = None
    examples = [
        Example("embedding: {embedding_dim: 4, num_embeddings: 7}", (5,), dtype=DType.INT64),
        Example("embedding: {embedding_dim: 2, num_embeddings: 3, padding_idx: 0}", (2, 3), dtype=DType.INT64),
        Example("embedding: {embedding_dim: 3, num_embeddings: 5}", (), dtype=DType.INT64),
    ]

    def width(self) -> int:
        return self.embedding_dim

    def infer(self, input: TensorType) -> TensorType:
        if self.padding_idx is not None and self.padding_idx >= self.num_embeddings:
            message = f"padding_idx {self.padding_idx} is not below num_embeddings {self.num_embeddings}"
            raise OpError(message, attr="padding_idx")
        return super().infer(input).with_dtype(DType.FLOAT32)

    def params(self, input: TensorType) -> Mapping[str, Param]:
        return {"weight": Param((self.num_embeddings, self.embedding_dim))}

    def explain(self, input: TensorType) -> str:
        return f"{self.num_embeddings} * {self.embedding_dim}"

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.nn.Embedding(self.num_embeddings, self.embedding_dim, **self.given("padding_idx"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Gather(p.weight, input, axis=0)


class OneHot(Lookup):
    """1 at each index below `num_classes`, 0 elsewhere.   input: int64 (*) -> int64 (*, num_classes)."""

    name = "one_hot"
    num_classes: PositiveInt = Main()
    examples = [Example("one_hot: 6", (5,), dtype=DType.INT64), Example("one_hot: 3", (2, 2), dtype=DType.INT64)]

    def width(self) -> int:
        return self.num_classes

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.F.one_hot(input, self.num_classes)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.OneHot(input, g.ints([self.num_classes]), g.ints([0, 1]), axis=-1)
