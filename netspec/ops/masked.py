"""Ops that the pass `masks` puts into a network with lengths: masks, fillers, and what reads lengths itself.

They are not part of the language. Ports after the op's own are lengths (int64, one a sample) or masks (bool [T]).
"""

from functools import reduce
from math import isinf
from typing import Any, ClassVar

from pydantic import ConfigDict

from netspec.ir import Dim, DType, Size, TensorType
from netspec.ir.dims import Floor, Symbol
from netspec.ops.attributes import NormalizedAxes
from netspec.ops.base import ANY_DTYPE, Masked, Op
from netspec.ops.cut import Select
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.norm import BatchNorm
from netspec.ops.reads import NEW, POINTWISE, REVERSE, Reads
from netspec.ops.reduce import Mean


class LengthOf(Op):
    """How long each sample is along an axis whose size is a formula.   lengths: one for each symbol -> int64 ()."""

    # What is derived from a checked graph needs no validation.
    model_config = ConfigDict(arbitrary_types_allowed=True)
    name: ClassVar[str] = "length_of"
    dtypes = ANY_DTYPE
    size: Dim
    symbols: tuple[str, ...]

    def infer(self, *lengths: TensorType) -> TensorType:
        return TensorType((), DType.INT64)

    def to_torch(self, t: TorchBuilder, *lengths: TorchValue) -> TorchResult:
        return InTorch(dict(zip(self.symbols, lengths, strict=True))).of(self.size)

    def to_onnx(self, g: OnnxBuilder, *lengths_then_params: Any) -> OnnxValue:
        *lengths, _ = lengths_then_params
        result: OnnxValue = _InOnnx(g, dict(zip(self.symbols, lengths, strict=True))).of(self.size)
        return result


class MaskOf(Op):
    """Which positions along an axis are a sample's own.   lengths: int64 (), like: (*, T, *) -> bool (T)."""

    name: ClassVar[str] = "mask_of"
    dtypes = ANY_DTYPE
    axis: int

    def infer(self, lengths: TensorType, like: TensorType) -> TensorType:
        return TensorType((like.shape[self.axis - 1],), DType.BOOL)

    def reads(self, dim: int, *inputs: TensorType) -> Reads:
        return NEW

    def source(self, dim: int, *inputs: TensorType) -> int | None:
        return None

    def to_torch(self, t: TorchBuilder, lengths: TorchValue, like: TorchValue) -> TorchResult:
        return t.torch.arange(like.size(self.axis), device=like.device) < lengths[:, None]

    def to_onnx(self, g: OnnxBuilder, lengths: OnnxValue, like: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Less(_positions(g, like, self.axis), g.Unsqueeze(lengths, g.ints([1])))


class Fill(Op):
    """`value` beyond a sample's length along some axes; left out, what stands at the first position.

    input: (*), masks: one for each of `axes` -> the same.
    """

    # Minus infinity is what a maximum takes no notice of.
    model_config = ConfigDict(allow_inf_nan=True)
    name: ClassVar[str] = "fill"
    dtypes = ANY_DTYPE
    value: float | int | None
    axes: tuple[int, ...]

    def infer(self, input: TensorType, *masks: TensorType) -> TensorType:
        return input

    def below(self, input: TensorType, *masks: TensorType) -> int | None:
        """An index of 0 is one."""
        return input.below

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        return (POINTWISE, dim) if port == 0 else (NEW, None)

    def to_torch(self, t: TorchBuilder, input: TorchValue, *masks: TorchValue) -> TorchResult:
        filled: Any = input
        for axis, mask in zip(self.axes, masks, strict=True):
            other = filled.narrow(axis, 0, 1) if self.value is None else self._number(t)
            filled = t.torch.where(aligned(mask, axis, input.type.rank), filled, other)
        return filled

    def _number(self, t: TorchBuilder) -> Any:
        assert self.value is not None
        return (t.torch.inf if self.value > 0 else -t.torch.inf) if isinf(self.value) else self.value

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, *masks_then_params: Any) -> OnnxValue:
        *masks, _ = masks_then_params
        filled = input
        for axis, mask in zip(self.axes, masks, strict=True):
            first = g.ints([0]), g.ints([1]), g.ints([axis])
            value = g.Slice(filled, *first) if self.value is None else g.scalar(self.value, like=input)
            filled = g.Where(onnx_aligned(g, mask, axis, input.type.rank), filled, value)
        return filled


class Hold(Op):
    """The state of the step before where a sample is over.   mask: bool (), new, old: (*) -> (*)."""

    name: ClassVar[str] = "hold"
    dtypes = ANY_DTYPE

    def infer(self, mask: TensorType, new: TensorType, old: TensorType) -> TensorType:
        return new

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        return (POINTWISE, dim) if port > 0 else (NEW, None)

    def to_torch(self, t: TorchBuilder, mask: TorchValue, new: TorchValue, old: TorchValue) -> TorchResult:
        rank = new.type.rank
        return t.torch.where(mask[(slice(None), *(None,) * rank)] if rank else mask, new, old)

    def to_onnx(self, g: OnnxBuilder, mask: OnnxValue, new: OnnxValue, old: OnnxValue, p: OnnxParams) -> OnnxValue:
        rank = new.type.rank
        return g.Where(g.Unsqueeze(mask, g.ints(range(1, rank + 1))) if rank else mask, new, old)


class Always(Op):
    """True for every sample.   like: (*) -> bool ()."""

    name: ClassVar[str] = "always"
    dtypes = ANY_DTYPE

    def infer(self, like: TensorType) -> TensorType:
        return TensorType((), DType.BOOL)

    def to_torch(self, t: TorchBuilder, like: TorchValue) -> TorchResult:
        return t.torch.ones(like.size(0), dtype=t.torch.bool, device=like.device)

    def to_onnx(self, g: OnnxBuilder, like: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Expand(g.constant(True, DType.BOOL), g.Shape(like, start=0, end=1))


class Given(Op):
    """What is read beside an input of which only the axis matters: `length` and `mask`.   like: (*), given -> given."""

    name: ClassVar[str] = "given"
    dtypes = ANY_DTYPE

    def infer(self, like: TensorType, given: TensorType) -> TensorType:
        return given

    def reads(self, dim: int, *inputs: TensorType) -> Reads:
        return NEW

    def source(self, dim: int, *inputs: TensorType) -> int | None:
        return None

    def to_torch(self, t: TorchBuilder, like: TorchValue, given: TorchValue) -> TorchResult:
        return given

    def to_onnx(self, g: OnnxBuilder, like: OnnxValue, given: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Identity(given)


class MeanOfValid(Mean):
    """The mean over axes, of which `valid` have lengths, of an input that is filled with zeros.

    input: (*), lengths: one for each of `valid` -> (*) without those axes.
    """

    name: ClassVar[str] = "mean_of_valid"
    valid: tuple[int, ...]

    def infer(self, input: TensorType, *lengths: TensorType) -> TensorType:
        return super().infer(input)

    def reads(self, dim: int, input: TensorType, *lengths: TensorType) -> Reads:
        return super().reads(dim, input)

    def source(self, dim: int, input: TensorType, *lengths: TensorType) -> int | None:
        return super().source(dim, input)

    def filler(self, port: int, input: TensorType, *lengths: TensorType) -> float:
        return 0.0

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, input: TorchValue, *lengths: TorchValue) -> TorchResult:
        rank, axes = input.type.rank, self.axes(input.type)
        found = input.sum(self.valid, keepdim=True)
        for length in lengths:
            found = found / length[(slice(None), *(None,) * rank)]
        others = tuple(axis for axis in axes if axis not in self.valid)
        found = found.mean(others, keepdim=True) if others else found
        return found if self.keepdim else found.squeeze(axes)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, *lengths_then_params: Any) -> OnnxValue:
        *lengths, _ = lengths_then_params
        rank, axes = input.type.rank, self.axes(input.type)
        found = g.ReduceSum(input, g.ints(self.valid), keepdims=1)
        for length in lengths:
            found = g.Div(found, g.CastLike(g.Unsqueeze(length, g.ints(range(1, rank + 1))), input))
        others = [axis for axis in axes if axis not in self.valid]
        found = g.ReduceMean(found, g.ints(others), keepdims=1) if others else found
        return found if self.keepdim else g.Squeeze(found, g.ints(axes))


def mean_of_valid(input: TensorType, axes: tuple[int, ...], keepdim: bool) -> Masked | None:
    """The mean over axes, where some of them have lengths."""
    valid = tuple(axis for axis in axes if axis in input.valid)
    op = MeanOfValid(dim=axes, keepdim=keepdim, valid=valid)
    return Masked(op, lengths=tuple((0, axis) for axis in valid)) if valid else None


class FlipValid(Op):
    """Axes in reverse; along those with lengths the valid part only.

    input: (*), lengths: one for each such axis -> the same.
    """

    name: ClassVar[str] = "flip_valid"
    dtypes = ANY_DTYPE
    moves_only = True
    dims: NormalizedAxes

    def infer(self, input: TensorType, *lengths: TensorType) -> TensorType:
        return input

    def below(self, input: TensorType, *lengths: TensorType) -> int | None:
        return input.below

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        if port > 0:
            return NEW, None
        assert isinstance(self.dims, tuple)
        return (REVERSE if dim in self.dims else POINTWISE), dim

    def filler(self, port: int, *inputs: TensorType) -> float:
        return 0

    def valid(self, input: TensorType) -> tuple[list[int], list[int]]:
        """The axes with lengths, and the others."""
        assert isinstance(self.dims, tuple)
        axes = [axis for axis in self.dims if isinstance(axis, int)]
        return [axis for axis in axes if axis in input.valid], [axis for axis in axes if axis not in input.valid]

    def to_torch(self, t: TorchBuilder, input: TorchValue, *lengths: TorchValue) -> TorchResult:
        valid, others = self.valid(input.type)
        found: Any = input.flip(tuple(others)) if others else input
        for axis, length in zip(valid, lengths, strict=True):
            size = input.size(axis)
            # Behind the last valid position the padding follows, backward too.
            places = t.torch.remainder(length[:, None] - 1 - t.torch.arange(size, device=input.device), size)
            found = t.torch.take_along_dim(found, aligned(places, axis, input.type.rank), axis)
        return found

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, *lengths_then_params: Any) -> OnnxValue:
        *lengths, _ = lengths_then_params
        valid, others = self.valid(input.type)
        found, count = input, len(others)
        if others:
            ends = g.ints([-1] * count), g.ints([-(2**63) + 1] * count)
            found = g.Slice(input, *ends, g.ints(others), g.ints([-1] * count))
        for axis, length in zip(valid, lengths, strict=True):
            last = g.Sub(g.Unsqueeze(length, g.ints([1])), g.ints([1]))
            places = g.Mod(g.Sub(last, _positions(g, input, axis)), g.Shape(input, start=axis, end=axis + 1))
            found = _taken(g, input, found, onnx_aligned(g, places, axis, input.type.rank), axis)
        return found


class SelectValid(Select):
    """The position so far from a sample's last one.   input: (*, T, *), length: int64 () -> (*, *)."""

    name: ClassVar[str] = "select_valid"

    def infer(self, input: TensorType, *length: TensorType) -> TensorType:
        return super().infer(input)

    def source(self, dim: int, input: TensorType, *length: TensorType) -> int | None:
        return super().source(dim, input)

    def filler(self, port: int, *inputs: TensorType) -> float:
        return 0

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, input: TorchValue, *lengths: TorchValue) -> TorchResult:
        [length], axis, rank = lengths, self.axis(input.type), input.type.rank
        place = (length - -self.index)[(slice(None), *(None,) * rank)]
        return t.torch.take_along_dim(input, place, axis).squeeze(axis)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, *lengths_then_params: Any) -> OnnxValue:
        length, axis, rank = lengths_then_params[0], self.axis(input.type), input.type.rank
        place = g.Unsqueeze(g.Add(length, g.ints([self.index])), g.ints(range(1, rank + 1)))
        ones = g.constant([1], DType.INT64)
        shape = g.Concat(g.Shape(input, start=0, end=axis), ones, g.Shape(input, start=axis + 1), axis=0)
        return g.Squeeze(g.GatherElements(input, g.Expand(place, shape), axis=axis), g.ints([axis]))


class BatchNormOfValid(BatchNorm):
    """Batch normalisation whose statistics leave padding out.

    input: (channels, *space), masks: one for each of `axes` -> the same. While training the valid positions are
    gathered, normalised as samples of their own, and put back.
    """

    name: ClassVar[str] = "batch_norm_of_valid"
    axes: tuple[int, ...]

    def infer(self, input: TensorType, *masks: TensorType) -> TensorType:
        return super().infer(input)

    def params(self, input: TensorType, *masks: TensorType) -> Any:
        return super().params(input)

    def explain(self, input: TensorType, *masks: TensorType) -> str | None:
        return super().explain(input)

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, input: TorchValue, *masks: TorchValue) -> TorchResult:
        space = input.type.rank - 1
        last = input.movedim(1, -1)
        # Without the channels the axes stand one further left.
        found = [aligned(mask, axis - 1, space) for axis, mask in zip(self.axes, masks, strict=True)]
        chosen = reduce(t.torch.logical_and, found).expand(last.shape[slice(None, -1)])

        def use(own: Any) -> TorchResult:
            rows = last[chosen]
            like_maps = (slice(None), slice(None), *(None,) * (space - 1))
            normal = own(rows[like_maps]).flatten(1) if space > 1 else own(rows)
            put_back = last.masked_scatter(chosen.unsqueeze(-1), normal).movedim(-1, 1)
            return t.choose(own.training, put_back, own(input))

        return t.module(super().to_torch(t, input), use)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, *masks_then_params: Any) -> OnnxValue:
        return super().to_onnx(g, input, masks_then_params[-1])


def aligned(value: Any, axis: int, rank: int) -> Any:
    """A [N, T] of torch with T at an axis of so many."""
    index = (slice(None), *(None,) * (axis - 1), slice(None), *(None,) * (rank - axis))
    return value[index] if rank > 1 else value


def onnx_aligned(g: OnnxBuilder, value: OnnxValue, axis: int, rank: int) -> OnnxValue:
    """The same in ONNX."""
    new = [each for each in range(1, rank + 1) if each != axis]
    return g.Unsqueeze(value, g.ints(new)) if new else value


def _positions(g: OnnxBuilder, like: OnnxValue, axis: int) -> OnnxValue:
    """0, 1, ... along an axis."""
    end = g.Squeeze(g.Shape(like, start=axis, end=axis + 1))
    return g.Range(g.constant(0, DType.INT64), end, g.constant(1, DType.INT64))


def _taken(g: OnnxBuilder, input: OnnxValue, value: OnnxValue, places: OnnxValue, axis: int) -> OnnxValue:
    """The elements of a value of the input's shape at places along an axis."""
    return g.GatherElements(value, g.Expand(places, g.Shape(input)), axis=axis)


class InTorch:
    """A size as an expression over lengths in the place of symbols."""

    def __init__(self, lengths: dict[str, Any]) -> None:
        self.lengths = lengths

    def of(self, size: Size) -> Any:
        """The formula with the lengths put in."""
        if isinstance(size, int):
            return self.number(size)
        return reduce(self.add, (self._term(monomial, factor) for monomial, factor in size.terms))

    def _term(self, monomial: tuple[Symbol | Floor, ...], factor: int) -> Any:
        atoms = [self._atom(atom) for atom in monomial]
        return reduce(self.multiply, atoms + ([] if factor == 1 and atoms else [self.number(factor)]))

    def _atom(self, atom: Symbol | Floor) -> Any:
        if isinstance(atom, Floor):
            return self.divide(self.of(atom.numerator), atom.divisor)
        length = self.lengths[atom.name]
        return length if atom.multiple_of == 1 else self.divide(length, atom.multiple_of)

    def number(self, value: int) -> Any:
        """A number."""
        return value

    def add(self, left: Any, right: Any) -> Any:
        """The sum."""
        return left - -right if isinstance(right, int) and right < 0 else left + right

    def multiply(self, left: Any, right: Any) -> Any:
        """The product."""
        return left * right

    def divide(self, value: Any, divisor: int) -> Any:
        """The quotient, rounded down."""
        return value // divisor


class _InOnnx(InTorch):
    def __init__(self, g: OnnxBuilder, lengths: dict[str, Any]) -> None:
        super().__init__(lengths)
        self._g = g

    def number(self, value: int) -> Any:
        return self._g.ints([value])

    def add(self, left: Any, right: Any) -> Any:
        return self._g.Add(left, right)

    def multiply(self, left: Any, right: Any) -> Any:
        return self._g.Mul(left, right)

    def divide(self, value: Any, divisor: int) -> Any:
        # ONNX's integer Div rounds towards zero, its Mod takes the divisor's sign.
        by = self._g.ints([divisor])
        return self._g.Div(self._g.Sub(value, self._g.Mod(value, by)), by)
