"""Indices as vectors."""

from collections.abc import Mapping
from typing import ClassVar

from netspec.ir import DType, TensorType
from netspec.ops.attributes import OptionalIndex, OptionalPositiveInt, PositiveInt
from netspec.ops.base import Example, Main, Op, OpError, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import NEW, POINTWISE, Reads


class Lookup(Op):
    """Base of those that give each index a new last axis; `count_attr` names the attribute with their number."""

    dtypes = frozenset({DType.INT64})
    count_attr: ClassVar[str]

    def count(self, input: TensorType) -> int:
        """How many indices there are: the attribute, or where it is left out what the input's elements are below.

        Raises:
            OpError: neither is given, or the input has larger indices.
        """
        given: int | None = getattr(self, self.count_attr)
        if given is None and input.below is None:
            help = (
                f"give {self.name} `{self.count_attr}`, or the network's input `below`: `{{dtype: int64, below: 10}}`"
            )
            raise OpError(f"{self.name} does not know how many indices its input has", help=help, code="bad-attribute")
        if given is not None and input.below is not None and given < input.below:
            message = f"{self.count_attr} {given} is too small: the input's indices are below {input.below}"
            raise OpError(message, attr=self.count_attr, help=f"left out, it is {input.below}")
        count = given if given is not None else input.below
        assert count is not None
        return count

    def reads(self, dim: int, input: TensorType) -> Reads:
        return POINTWISE if dim <= input.rank else NEW

    def source(self, dim: int, input: TensorType) -> int | None:
        return dim if dim <= input.rank else None


class Embedding(Lookup):
    """A learned vector for each index below `num_embeddings`.   input: int64 (*) -> float32 (*, embedding_dim).

    `num_embeddings` left out is the input's `below`. The vector of `padding_idx` starts at zero and is not trained.
    """

    name = "embedding"
    count_attr = "num_embeddings"
    embedding_dim: PositiveInt = Main()
    num_embeddings: OptionalPositiveInt = None
    padding_idx: OptionalIndex = None
    examples = [
        Example("embedding: {embedding_dim: 4, num_embeddings: 7}", (5,), dtype=DType.INT64),
        Example("embedding: {embedding_dim: 2, num_embeddings: 3, padding_idx: 0}", (2, 3), dtype=DType.INT64),
        Example("embedding: {embedding_dim: 3, num_embeddings: 5}", (), dtype=DType.INT64),
        Example("embedding: 4", (2, 3), dtype=DType.INT64, below=7),
    ]

    def infer(self, input: TensorType) -> TensorType:
        count = self.count(input)
        if self.padding_idx is not None and self.padding_idx >= count:
            message = f"padding_idx {self.padding_idx} is not below num_embeddings {count}"
            raise OpError(message, attr="padding_idx")
        return input.with_shape(*input.shape, self.embedding_dim).with_dtype(DType.FLOAT32)

    def params(self, input: TensorType) -> Mapping[str, Param]:
        return {"weight": Param((self.count(input), self.embedding_dim))}

    def explain(self, input: TensorType) -> str:
        return f"{self.count(input)} * {self.embedding_dim}"

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.nn.Embedding(self.count(input.type), self.embedding_dim, **self.given("padding_idx"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Gather(p.weight, input, axis=0)


class OneHot(Lookup):
    """1 at each index below `num_classes`, 0 elsewhere.   input: int64 (*) -> int64 (*, num_classes).

    `num_classes` left out is the input's `below`.
    """

    name = "one_hot"
    count_attr = "num_classes"
    num_classes: OptionalPositiveInt = Main(None)
    examples = [
        Example("one_hot: 6", (5,), dtype=DType.INT64),
        Example("one_hot: 3", (2, 2), dtype=DType.INT64),
        Example("one_hot", (4,), dtype=DType.INT64, below=5),
    ]

    def infer(self, input: TensorType) -> TensorType:
        return input.with_shape(*input.shape, self.count(input))

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.F.one_hot(input, self.count(input.type))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.OneHot(input, g.ints([self.count(input.type)]), g.ints([0, 1]), axis=-1)
