"""Parts of a tensor along one axis: select, index_select, slice, narrow, chunk, split."""

from abc import abstractmethod
from typing import Any

from netspec.ir import Dim, DType, TensorType, is_at_most, is_less
from netspec.ops.attributes import (
    Axis,
    Indices,
    Integer,
    NonNegativeInt,
    OptionalAxis,
    OptionalInteger,
    PositiveInt,
    Size,
)
from netspec.ops.axes import resolve_axis, torch_axis
from netspec.ops.base import ANY_DTYPE, Example, Main, Masked, Op, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.padding import zero
from netspec.ops.reads import ALL, POINTWISE, Reads, Window
from netspec.ops.sizes import known

MAX_PARTS = 256


class Select(Op):
    """The part at one position of an axis, which is gone; negative positions count from the end.

    input: (*, size, *) -> (*, *).
    """

    name = "select"
    dtypes = ANY_DTYPE
    moves_only = True
    dim: Axis
    index: Integer
    examples = [Example("select: {dim: 1, index: 0}", (3, 4)), Example("select: {dim: -1, index: -2}", (2, 3, 4))]

    def axis(self, input: TensorType) -> int:
        """The axis that is gone, counted from 1."""
        return resolve_axis("dim", self.dim, input.shape)

    def infer(self, input: TensorType) -> TensorType:
        axis = self.axis(input)
        size = input.shape[axis - 1]
        if not (is_at_most(-self.index, size) and is_less(self.index, size)):
            raise OpError(f"index {self.index} is outside axis {axis}, whose size is {size}", attr="index")
        return input.with_shape(*input.shape[: axis - 1], *input.shape[axis:])

    def source(self, dim: int, input: TensorType) -> int | None:
        return dim + (dim >= self.axis(input))

    def filler(self, port: int, input: TensorType) -> float:
        return zero(input.dtype)

    def masked(self, input: TensorType) -> Masked | None:
        from netspec.ops.of_valid import SelectValid

        axis = self.axis(input)
        if self.index >= 0 or axis not in input.valid:
            return None
        return Masked(SelectValid(dim=axis, index=self.index), lengths=((0, axis),))

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return input.select(torch_axis(self.dim, self.axis(input.type)), self.index)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Gather(input, g.constant(self.index, DType.INT64), axis=self.axis(input.type))


class IndexSelect(Op):
    """The parts at several positions of an axis, in the order of `index`, each as often as it stands there.

    input: (*, size, *) -> (*, len(index), *).
    """

    name = "index_select"
    dtypes = ANY_DTYPE
    moves_only = True
    dim: Axis
    index: Indices
    examples = [
        Example("index_select: {dim: 1, index: [0, 2, 1, 0]}", (3, 4)),
        Example("index_select: {dim: -1, index: [4]}", (2, 3, 5)),
    ]

    def axis(self, input: TensorType) -> int:
        """The axis that is chosen from, counted from 1."""
        return resolve_axis("dim", self.dim, input.shape)

    def infer(self, input: TensorType) -> TensorType:
        axis = self.axis(input)
        size = input.shape[axis - 1]
        if not is_less(max(self.index), size):
            raise OpError(f"index {max(self.index)} is outside axis {axis}, whose size is {size}", attr="index")
        return input.with_shape(*input.shape[: axis - 1], len(self.index), *input.shape[axis:])

    def reads(self, dim: int, input: TensorType) -> Reads:
        return ALL if dim == self.axis(input) else POINTWISE

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        dim = torch_axis(self.dim, self.axis(input.type))
        index = t.torch.tensor([*self.index])
        return t.buffer(index, lambda own: input.index_select(dim, own), persistent=False)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Gather(input, g.constant([*self.index], DType.INT64), axis=self.axis(input.type))


class Cut(Op):
    """Base of those that keep a range of an axis: a subclass says its `bounds`."""

    dtypes = ANY_DTYPE
    moves_only = True
    dim: Axis

    @abstractmethod
    def bounds(self, size: int | Dim) -> tuple[int | Dim, int | Dim, int]:
        """First position, the one behind the last, and step, for an axis of that size."""

    def cut(self, input: TensorType) -> tuple[int, int | Dim, int | Dim, int]:
        """The axis, and the bounds on it.

        Raises:
            OpError: the axis is not there, or nothing is left of it.
        """
        axis = resolve_axis("dim", self.dim, input.shape)
        size = input.shape[axis - 1]
        start, end, step = self.bounds(size)
        if not (is_at_most(0, start) and is_less(start, end) and is_at_most(end, size)):
            message = f"{self.name} from {start} to {end} is empty or outside axis {axis}, whose size is {size}"
            raise OpError(message, attr="start")
        return axis, start, end, step

    def infer(self, input: TensorType) -> TensorType:
        axis, start, end, step = self.cut(input)
        return input.with_shape(*input.shape[: axis - 1], (end - start - 1) // step + 1, *input.shape[axis:])

    def reads(self, dim: int, input: TensorType) -> Reads:
        axis, start, _, step = self.cut(input)
        if dim != axis:
            return POINTWISE
        return Window(step, start, start) if isinstance(start, int) else ALL

    def filler(self, port: int, input: TensorType) -> float | None:
        _, start, _, _ = self.cut(input)
        return zero(input.dtype) if isinstance(start, int) else None


class Slice(Cut):
    """Positions `start` to `end` (not included) of an axis, every `step`-th; negative ones count from the end.

    input: (*, size, *) -> (*, (end - start - 1)//step + 1, *).
    """

    name = "slice"
    start: OptionalInteger = None
    end: OptionalInteger = None
    step: PositiveInt = 1
    examples = [
        Example("slice: {dim: 1, start: 1}", (4, 3)),
        Example("slice: {dim: -1, end: -1}", (2, 3, 5)),
        Example("slice: {dim: 2, start: -5, end: 6, step: 2}", (2, 7)),
    ]

    def bounds(self, size: int | Dim) -> tuple[int | Dim, int | Dim, int]:
        start = 0 if self.start is None else self.start
        end = size if self.end is None else self.end
        return start if start >= 0 else size + start, end if end >= 0 else size + end, self.step

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        axis, *_ = self.cut(input.type)
        step = None if self.step == 1 else self.step
        return input[(*[slice(None)] * axis, slice(self.start, self.end, step))]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        axis, *_ = self.cut(input.type)
        start, end = 0 if self.start is None else self.start, 2**63 - 1 if self.end is None else self.end
        return g.Slice(input, g.ints([start]), g.ints([end]), g.ints([axis]), g.ints([self.step]))


class Narrow(Cut):
    """`length` positions of an axis from `start` on.   input: (*, size, *) -> (*, length, *)."""

    name = "narrow"
    start: NonNegativeInt
    length: PositiveInt
    examples = [
        Example("narrow: {dim: 1, start: 1, length: 2}", (4, 3)),
        Example("narrow: {dim: -1, start: 0, length: 1}", (3,)),
    ]

    def bounds(self, size: int | Dim) -> tuple[int | Dim, int | Dim, int]:
        return self.start, self.start + self.length, 1

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        axis, *_ = self.cut(input.type)
        return input.narrow(torch_axis(self.dim, axis), self.start, self.length)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        axis, *_ = self.cut(input.type)
        return g.Slice(input, g.ints([self.start]), g.ints([self.start + self.length]), g.ints([axis]))


class Parts(Op):
    """Base of those with several outputs, the parts of an axis one after the other, named 0, 1, ..."""

    dtypes = ANY_DTYPE
    moves_only = True

    @abstractmethod
    def axis(self, input: TensorType) -> int:
        """The axis that is cut, counted from 1."""

    @abstractmethod
    def sizes(self, input: TensorType) -> list[int | Dim]:
        """The sizes of the parts.

        Raises:
            OpError: the axis cannot be cut like that.
        """

    def infer(self, input: TensorType) -> tuple[TensorType, ...]:
        axis = self.axis(input)
        before, after = input.shape[: axis - 1], input.shape[axis:]
        return tuple(input.with_shape(*before, size, *after) for size in self.sizes(input))

    def reads(self, dim: int, input: TensorType) -> Reads:
        """Each part reads another range; `ALL` bounds them."""
        return ALL if dim == self.axis(input) and len(self.sizes(input)) > 1 else POINTWISE

    @abstractmethod
    def in_torch(self, input: TorchValue) -> Any:
        """The tuple of the parts."""

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        parts = self.in_torch(input)
        return parts if len(self.sizes(input.type)) > 1 else parts[0]

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> tuple[OnnxValue, ...]:
        sizes = self.sizes(input.type)
        return g.call("Split", input, g.sizes(sizes, input), outputs=len(sizes), axis=self.axis(input.type))


class Chunk(Parts):
    """`chunks` parts of an axis, of equal size but for the last one, which may be smaller.

    input: (*, size, *) -> chunks times (*, ceil(size/chunks), *). `dim` left out is the first axis; where a sample has
    two ([T, features], [channels, T]) it must be said.
    """

    name = "chunk"
    chunks: PositiveInt = Main()
    dim: OptionalAxis = None
    examples = [
        Example("chunk: 2", (4, 3, 2)),
        Example("chunk: {chunks: 3, dim: -1}", (2, 5)),
        Example("chunk: 1", (3,)),
    ]

    def axis(self, input: TensorType) -> int:
        if self.dim is None and input.rank == 2:
            message = f"chunk along which axis of {list(input.shape)}?"
            raise OpError(message, attr="chunks", help="name it: `dim: 1` for the first, `dim: -1` for the last")
        return resolve_axis("dim", 1 if self.dim is None else self.dim, input.shape)

    def sizes(self, input: TensorType) -> list[int | Dim]:
        axis = self.axis(input)
        size = input.shape[axis - 1]
        each = (size + self.chunks - 1) // self.chunks
        last = size - each * (self.chunks - 1)
        if self.chunks > MAX_PARTS:
            raise OpError(f"chunk makes at most {MAX_PARTS} parts", attr="chunks")
        if last < 1:
            raise OpError(f"axis {axis}, whose size is {size}, has no {self.chunks} chunks of {each}", attr="chunks")
        return [each] * (self.chunks - 1) + [last]

    def in_torch(self, input: TorchValue) -> Any:
        dim = 1 if self.dim is None else torch_axis(self.dim, self.axis(input.type))
        return input.chunk(self.chunks, dim=dim)


class Split(Parts):
    """Parts of an axis, all of one size but for the last one, or of the sizes in a list.

    input: (*, size, *) -> (*, size_0, *), (*, size_1, *), ...
    """

    name = "split"
    split_size_or_sections: Size = Main()
    dim: Axis = 1
    examples = [
        Example("split: 2", (5, 3)),
        Example("split: {split_size_or_sections: [1, 3], dim: -1}", (2, 4)),
        Example("split: [3]", (3,)),
    ]

    def axis(self, input: TensorType) -> int:
        return resolve_axis("dim", self.dim, input.shape)

    def sizes(self, input: TensorType) -> list[int | Dim]:
        axis, given = self.axis(input), self.split_size_or_sections
        size: int | Dim = input.shape[axis - 1]
        if isinstance(given, tuple):
            if sum(given) != size:
                message = f"the sections {list(given)} sum to {sum(given)}, but the size of axis {axis} is {size}"
                raise OpError(message, attr="split_size_or_sections")
            return [*given]
        count = (known(size, "the size that is split") + given - 1) // given
        if count > MAX_PARTS:
            message = f"split makes {count:,} parts of axis {axis}; the limit is {MAX_PARTS}"
            raise OpError(message, attr="split_size_or_sections")
        return [*[given] * (count - 1), size - given * (count - 1)]

    def in_torch(self, input: TorchValue) -> Any:
        return input.split(self.split_size_or_sections, dim=torch_axis(self.dim, self.axis(input.type)))
