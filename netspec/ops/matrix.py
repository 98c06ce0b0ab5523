"""Products and distances of matrices and vectors."""

from netspec.ir import Size, TensorType
from netspec.ops.attributes import Axis, NonNegativeFloat, PositiveFloat
from netspec.ops.axes import resolve_axis, torch_axis
from netspec.ops.base import Example, Main, Op, OpError
from netspec.ops.broadcast import aligned_in_onnx, aligned_in_torch, broadcast, same_dtype, same_rank, shapes
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.product import Factor, product_in_onnx, product_in_torch, product_macs, product_shape
from netspec.ops.reads import ALL, NEW, POINTWISE, Reads
from netspec.ops.reduce import left_of, reduced


class Product(Op):
    """Base of the matrix products."""

    def product(self, input: TensorType, other: TensorType) -> TensorType:
        """The product's type."""
        same_dtype(self.name, (input, other))
        return input.with_shape(*product_shape(self.name, input.shape, other.shape))

    def macs(self, input: TensorType, other: TensorType) -> Size:
        return product_macs(input.shape, other.shape)

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        """Rows read their row of the input and nothing of one axis of the other; columns the other way round."""
        rank = len(product_shape(self.name, inputs[0].shape, inputs[1].shape))
        rows, columns = (min(1, each.rank - 1) for each in inputs)
        lead = rank - rows - columns
        if dim <= lead:
            axis = dim - lead + max(0, inputs[port].rank - 2)
            return (POINTWISE, axis) if axis >= 1 else (NEW, None)
        is_row = rows == 1 and dim == lead + 1
        if is_row == (port == 1):
            return NEW, None
        return POINTWISE, inputs[port].rank - (1 if is_row else 0)

    def source(self, dim: int, *inputs: TensorType) -> int | None:
        """In the first input that has the axis."""
        axes = (self.reads_of(port, dim, *inputs)[1] for port in (0, 1))
        return next((axis for axis in axes if axis is not None), None)

    def filler(self, port: int, *inputs: TensorType) -> float:
        return 0.0

    def to_torch(self, t: TorchBuilder, input: TorchValue, other: TorchValue) -> TorchResult:
        return product_in_torch(input, other, _factor(input.type), _factor(other.type))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, other: OnnxValue, p: OnnxParams) -> OnnxValue:
        return product_in_onnx(g, input, other, _factor(input.type), _factor(other.type))


class Matmul(Product):
    """The matrix product, per sample; leading axes broadcast, a vector has no row or no column.

    input: (*, n, m), other: (*, m, p) -> (*, n, p).
    """

    name = "matmul"
    examples = [
        Example("matmul", (3, 4), (4, 5)),
        Example("matmul", (2, 3, 4), (4, 5)),
        Example("matmul", (3, 4), (2, 4, 2)),
        Example("matmul", (3, 4), (4,)),
        Example("matmul", (4,), (2, 4, 5)),
        Example("matmul", (4,), (4,)),
    ]

    def infer(self, input: TensorType, other: TensorType) -> TensorType:
        return self.product(input, other)


class Bmm(Product):
    """The product of one matrix by one a sample.   input: (n, m), mat2: (m, p) -> (n, p)."""

    name = "bmm"
    examples = [Example("bmm", (3, 4), (4, 5)), Example("bmm", (3, 1), (1, 5))]

    def infer(self, input: TensorType, mat2: TensorType) -> TensorType:
        if input.rank != 2 or mat2.rank != 2:
            message = f"bmm needs two matrices, got {list(input.shape)} and {list(mat2.shape)}"
            raise OpError(message, code="shape-mismatch", help="`matmul` takes other numbers of axes")
        return self.product(input, mat2)


class PairwiseDistance(Op):
    """The p-norm of x1 - x2 + eps over the last axis.   x1, x2: (*, features) -> (*), or (*, 1) with `keepdim`."""

    name = "pairwise_distance"
    p: NonNegativeFloat = Main(2.0)
    eps: NonNegativeFloat = 1e-6
    keepdim: bool = False
    examples = [
        Example("pairwise_distance", (4,), (4,)),
        Example("pairwise_distance: 1", (3, 4), (3, 4)),
        Example("pairwise_distance: {p: 3, eps: 0.01, keepdim: true}", (3, 4), (4,)),
    ]

    def infer(self, x1: TensorType, x2: TensorType) -> TensorType:
        joint = broadcast(self.name, (x1, x2))
        if joint.rank == 0:
            raise OpError("pairwise_distance needs an axis of features; the inputs are one number a sample")
        if self.p == 0:
            raise OpError("p must be positive", attr="p")
        return joint.with_shape(*reduced(joint.shape, (joint.rank,), self.keepdim))

    def reads(self, dim: int, x1: TensorType, x2: TensorType) -> Reads:
        return ALL if dim == max(x1.rank, x2.rank) else POINTWISE

    def to_torch(self, t: TorchBuilder, x1: TorchValue, x2: TorchValue) -> TorchResult:
        first, second = aligned_in_torch((x1, x2))
        return t.F.pairwise_distance(first, second, **self.given("p", "eps", "keepdim"))

    def to_onnx(self, g: OnnxBuilder, x1: OnnxValue, x2: OnnxValue, p: OnnxParams) -> OnnxValue:
        first, second = aligned_in_onnx(g, (x1, x2))
        apart = g.Add(g.Sub(first, second), g.scalar(self.eps, like=x1))
        if self.p in (1, 2):
            norm = g.ReduceL1 if self.p == 1 else g.ReduceL2
            return norm(apart, g.ints([-1]), keepdims=self.keepdim)
        powers = g.Pow(g.Abs(apart), g.scalar(self.p, like=x1))
        return g.Pow(g.ReduceSum(powers, g.ints([-1]), keepdims=self.keepdim), g.scalar(1 / self.p, like=x1))


class CosineSimilarity(Op):
    """x1 . x2 / (max(|x1|, eps) * max(|x2|, eps)) along `dim`.   x1, x2: (*, n, *), equally many axes -> (*, *)."""

    name = "cosine_similarity"
    dim: Axis = Main(1)
    eps: PositiveFloat = 1e-8
    examples = [
        Example("cosine_similarity", (4,), (4,)),
        Example("cosine_similarity: {dim: -1, eps: 2}", (3, 4), (3, 4)),
        Example("cosine_similarity: 2", (3, 4, 2), (1, 4, 2)),
    ]

    def infer(self, x1: TensorType, x2: TensorType) -> TensorType:
        same_rank(self.name, (x1, x2))
        joint, [axis] = broadcast(self.name, (x1, x2)), self.axes(x1)
        if x1.shape[axis - 1] != x2.shape[axis - 1]:
            message = f"cosine_similarity needs equal sizes along axis {axis}, got {shapes([x1.shape, x2.shape])}"
            raise OpError(message, code="shape-mismatch")
        return joint.with_shape(*reduced(joint.shape, (axis,), keepdim=False))

    def axes(self, x1: TensorType) -> tuple[int, ...]:
        """The axis that is gone."""
        return (resolve_axis("dim", self.dim, x1.shape),)

    def source(self, dim: int, x1: TensorType, x2: TensorType) -> int | None:
        return left_of(x1.rank, self.axes(x1), keepdim=False)[dim - 1]

    def filler(self, port: int, *inputs: TensorType) -> float:
        return 0.0

    def to_torch(self, t: TorchBuilder, x1: TorchValue, x2: TorchValue) -> TorchResult:
        return t.F.cosine_similarity(x1, x2, dim=torch_axis(self.dim, self.axes(x1.type)[0]), **self.given("eps"))

    def to_onnx(self, g: OnnxBuilder, x1: OnnxValue, x2: OnnxValue, p: OnnxParams) -> OnnxValue:
        axes, eps = g.ints(self.axes(x1.type)), g.scalar(self.eps, like=x1)
        product = g.ReduceSum(g.Mul(x1, x2), axes, keepdims=0)
        first, second = (g.Max(g.ReduceL2(each, axes, keepdims=0), eps) for each in (x1, x2))
        return g.Div(product, g.Mul(first, second))


def _factor(type: TensorType) -> Factor:
    return Factor(type.shape, type.batched)
