"""What a network knows of its samples' lengths."""

from typing import Any

from netspec.ir import DType, TensorType
from netspec.ops.attributes import Axis
from netspec.ops.axes import resolve_axis
from netspec.ops.base import ANY_DTYPE, Example, Main, Masked, Op, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import NEW, Reads


class AboutLengths(Op):
    """Base: `like` is a value that has the axis, of which nothing but that axis is read."""

    dtypes = ANY_DTYPE
    dim: Axis = Main()

    def axis(self, like: TensorType | None) -> int:
        """The axis.

        Raises:
            OpError: nothing is read that has it.
        """
        if like is None:
            help = f"say what has that axis: `{{{self.name}: {self.dim}, from: tokens}}`"
            raise OpError(f"{self.name} reads nothing that has the axis `{self.dim}`", attr="dim", help=help)
        return resolve_axis("dim", self.dim, like.shape)

    def reads(self, dim: int, like: TensorType | None = None) -> Reads:
        return NEW

    def source(self, dim: int, like: TensorType | None = None) -> int | None:
        return None


class Length(AboutLengths):
    """How long each sample is along `dim`; where that has no lengths, its size.   like: (*, T, *) -> int64 ().

    `like` left out is the network's input that has the symbol.
    """

    name = "length"
    examples = [Example("length: 1", (5, 3)), Example("length: {dim: -1}", (2, 4))]

    def infer(self, like: TensorType | None = None) -> TensorType:
        self.axis(like)
        return TensorType((), DType.INT64)

    def masked(self, like: TensorType | None = None) -> Masked | None:
        from netspec.ops.masked import Given

        axis = self.axis(like)
        return Masked(Given(), lengths=((0, axis),)) if like is not None and axis in like.valid else None

    def to_torch(self, t: TorchBuilder, like: TorchValue) -> TorchResult:
        size = like.size(self.axis(like.type))
        return t.torch.full((like.size(0),), size, dtype=t.torch.int64, device=like.device)

    def to_onnx(self, g: OnnxBuilder, like: OnnxValue, p: Any) -> OnnxValue:
        axis = self.axis(like.type)
        return g.Expand(g.Shape(like, start=axis, end=axis + 1), g.Shape(like, start=0, end=1))


class Mask(AboutLengths):
    """Which positions along `dim` are a sample's own; all, where that has no lengths.   like: (*, T, *) -> bool (T).

    `like` left out is the network's input that has the symbol.
    """

    name = "mask"
    examples = [Example("mask: 1", (5, 3)), Example("mask: {dim: -1}", (2, 4))]

    def infer(self, like: TensorType | None = None) -> TensorType:
        axis = self.axis(like)
        assert like is not None
        return TensorType((like.shape[axis - 1],), DType.BOOL)

    def masked(self, like: TensorType | None = None) -> Masked | None:
        from netspec.ops.masked import Given

        axis = self.axis(like)
        return Masked(Given(), masks=((0, axis),)) if like is not None and axis in like.valid else None

    def to_torch(self, t: TorchBuilder, like: TorchValue) -> TorchResult:
        shape = (like.size(0), like.size(self.axis(like.type)))
        return t.torch.ones(shape, dtype=t.torch.bool, device=like.device)

    def to_onnx(self, g: OnnxBuilder, like: OnnxValue, p: Any) -> OnnxValue:
        axis = self.axis(like.type)
        shape = g.Concat(g.Shape(like, start=0, end=1), g.Shape(like, start=axis, end=axis + 1), axis=0)
        return g.Expand(g.constant(True, DType.BOOL), shape)
