"""`each: T`: an axis becomes part of the batch, and one again behind the layer that is applied to every element.

They are not part of the language: the compiler puts them around a layer that says `each`.
"""

from typing import Any, ClassVar

from netspec.ir import Size, TensorType
from netspec.ops.attributes import Axis
from netspec.ops.axes import resolve_axis
from netspec.ops.base import ANY_DTYPE, Masked, Op, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.masked import onnx_aligned
from netspec.ops.padding import zero
from netspec.ops.reads import NEW, POINTWISE, Reads


class Fold(Op):
    """An axis as part of the batch: a sample's elements stand there one after the other.   input: (*, T, *) -> (*)."""

    name: ClassVar[str] = "fold"
    dtypes = ANY_DTYPE
    changes_batch = True
    moves_only = True
    dim: Axis

    def axis(self, input: TensorType) -> int:
        """The axis."""
        return resolve_axis("each", self.dim, input.shape)

    def infer(self, input: TensorType, *masks: TensorType) -> TensorType:
        axis = self.axis(input)
        if not input.batched:
            raise OpError("`each` reads a value that is the same for every sample", code="wrong-inputs")
        if input.valid - {axis}:
            raise OpError(f"`each` goes along axis {axis}, but another one has lengths", code="lengths")
        return input.with_shape(*input.shape[: axis - 1], *input.shape[axis:])

    def times(self, input: TensorType, *masks: TensorType) -> Size:
        return input.times * input.shape[self.axis(input) - 1]

    def source(self, dim: int, input: TensorType, *masks: TensorType) -> int | None:
        return dim + (dim >= self.axis(input))

    def filler(self, port: int, input: TensorType, *masks: TensorType) -> float:
        return zero(input.dtype)

    def masked(self, input: TensorType) -> Masked | None:
        axis = self.axis(input)
        return Masked(FoldValid(dim=axis), masks=((0, axis),), fill=False) if axis in input.valid else None

    def to_torch(self, t: TorchBuilder, input: TorchValue, *masks: TorchValue) -> TorchResult:
        return _second(input, self.axis(input.type)).flatten(0, 1)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, *masks_then_params: Any) -> OnnxValue:
        axis, rank = self.axis(input.type), input.type.rank
        others = [each for each in range(1, rank + 1) if each != axis]
        moved = g.Transpose(input, perm=[0, axis, *others]) if axis > 1 else input
        return g.Reshape(moved, g.Concat(g.ints([-1]), g.Shape(moved, start=2), axis=0))


class FoldValid(Fold):
    """The same; in PyTorch of the valid elements only.   input: (*, T, *), mask: bool (T) -> (*)."""

    name: ClassVar[str] = "fold_valid"

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, input: TorchValue, *masks: TorchValue) -> TorchResult:
        return _second(input, self.axis(input.type))[masks[0]]


class Unfold(Op):
    """The elements of a sample side by side along an axis, where that of `whole` stands.

    input: (*), whole: (*, T, *) -> (*, T, *), T at `dim` as far as there are so many axes.
    """

    name: ClassVar[str] = "unfold_each"
    dtypes = ANY_DTYPE
    changes_batch = True
    dim: int

    def place(self, input: TensorType) -> int:
        """Where the axis stands."""
        return min(self.dim, input.rank + 1)

    def infer(self, input: TensorType, whole: TensorType, *masks: TensorType) -> TensorType:
        if not input.batched:
            raise OpError("`each` gives a value that is the same for every sample", code="wrong-inputs")
        place, shape = self.place(input), input.shape
        return input.with_shape(*shape[: place - 1], whole.shape[self.dim - 1], *shape[place - 1 :])

    def below(self, input: TensorType, whole: TensorType, *masks: TensorType) -> int | None:
        return input.below

    def times(self, input: TensorType, whole: TensorType, *masks: TensorType) -> Size:
        return whole.times

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        place = self.place(inputs[0])
        if port == 0:
            return (NEW, None) if dim == place else (POINTWISE, dim - (dim > place))
        return (POINTWISE, self.dim) if port == 1 and dim == place else (NEW, None)

    def reads(self, dim: int, *inputs: TensorType) -> Reads:
        return self.reads_of(0, dim, *inputs)[0]

    def source(self, dim: int, *inputs: TensorType) -> int | None:
        return self.reads_of(0, dim, *inputs)[1]

    def filler(self, port: int, *inputs: TensorType) -> float:
        return 0

    def masked(self, input: TensorType, whole: TensorType) -> Masked | None:
        is_open = self.dim in whole.valid
        return Masked(UnfoldValid(dim=self.dim), masks=((1, self.dim),)) if is_open else None

    def to_torch(self, t: TorchBuilder, input: TorchValue, whole: TorchValue, *masks: TorchValue) -> TorchResult:
        place = self.place(input.type)
        found = input.unflatten(0, (-1, whole.size(self.dim)))
        return found.movedim(1, place) if place > 1 else found

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, whole: OnnxValue, *masks_then_params: Any) -> OnnxValue:
        place, rank = self.place(input.type), input.type.rank + 1
        size = g.Shape(whole, start=self.dim, end=self.dim + 1)
        parts = g.Reshape(input, g.Concat(g.ints([-1]), size, g.Shape(input, start=1), axis=0))
        others = [*range(2, rank + 1)]
        return g.Transpose(parts, perm=[0, *others[: place - 1], 1, *others[place - 1 :]]) if place > 1 else parts


class UnfoldValid(Unfold):
    """The same of the valid elements only; padding is zero.   input: (*), whole: (*, T, *), mask: bool (T) -> as is."""

    name: ClassVar[str] = "unfold_valid"

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, input: TorchValue, whole: TorchValue, *masks: TorchValue) -> TorchResult:
        place, rank, value = self.place(input.type), input.type.rank, _expression(input)
        mask = _expression(masks[0])
        inside = mask[(slice(None), slice(None), *(None,) * rank)] if rank else mask
        found = value.new_zeros(mask.size() + value.size()[slice(1, None)]).masked_scatter(inside, value)
        return found.movedim(1, place) if place > 1 else found

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, whole: OnnxValue, *masks_then_params: Any) -> OnnxValue:
        mask, p = masks_then_params
        found = super().to_onnx(g, input, whole, p)
        inside = onnx_aligned(g, mask, self.place(input.type), input.type.rank + 1)
        return g.Where(inside, found, g.scalar(zero(input.type.dtype), like=input))


class Spread(Op):
    """A value of the sample for each element along an axis of `whole`.   input: (*), whole: (*, T, *) -> (*)."""

    name: ClassVar[str] = "spread"
    dtypes = ANY_DTYPE
    changes_batch = True
    moves_only = True
    dim: int

    def infer(self, input: TensorType, whole: TensorType, *lengths: TensorType) -> TensorType:
        if input.valid:
            raise OpError("`each` reads a value that has lengths along another axis", code="lengths")
        return input

    def below(self, input: TensorType, whole: TensorType, *lengths: TensorType) -> int | None:
        return input.below

    def times(self, input: TensorType, whole: TensorType, *lengths: TensorType) -> Size:
        return whole.times * whole.shape[self.dim - 1]

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        return (POINTWISE, dim) if port == 0 else (NEW, None)

    def filler(self, port: int, *inputs: TensorType) -> float:
        return 0

    def masked(self, input: TensorType, whole: TensorType) -> Masked | None:
        is_open = self.dim in whole.valid
        return Masked(SpreadValid(dim=self.dim), lengths=((1, self.dim),)) if is_open else None

    def to_torch(self, t: TorchBuilder, input: TorchValue, whole: TorchValue, *lengths: TorchValue) -> TorchResult:
        return input.repeat_interleave(whole.size(self.dim), 0)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, whole: OnnxValue, *lengths_then_params: Any) -> OnnxValue:
        batch, size = g.Shape(input, start=0, end=1), g.Shape(whole, start=self.dim, end=self.dim + 1)
        rest = g.Shape(input, start=1)
        beside = g.Expand(g.Unsqueeze(input, g.ints([1])), g.Concat(batch, size, rest, axis=0))
        return g.Reshape(beside, g.Concat(g.ints([-1]), rest, axis=0))


class SpreadValid(Spread):
    """The same for the valid elements.   input: (*), whole: (*, T, *), lengths: int64 () -> (*)."""

    name: ClassVar[str] = "spread_valid"

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, input: TorchValue, whole: TorchValue, *lengths: TorchValue) -> TorchResult:
        return input.repeat_interleave(lengths[0], 0)


def _second(input: TorchValue, axis: int) -> Any:
    """The axis behind the batch."""
    value = _expression(input)
    return value.movedim(axis, 1) if axis > 1 else value


def _expression(value: Any) -> Any:
    return value
