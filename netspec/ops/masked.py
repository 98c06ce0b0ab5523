"""Ops that the pass `masks` puts into a network with lengths: masks, fillers, and what reads lengths itself.

They are not part of the language. Ports after the op's own are lengths (int64, one a sample) or masks (bool [T]).
"""

from functools import reduce
from math import isinf
from typing import Any, ClassVar

from pydantic import ConfigDict

from netspec.ir import Dim, DType, Size, TensorType
from netspec.ir.dims import Floor, Symbol
from netspec.ops.base import ANY_DTYPE, Op
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import NEW, POINTWISE, Reads


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
        return g.Less(positions(g, like, self.axis), g.Unsqueeze(lengths, g.ints([1])))


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


def aligned(value: Any, axis: int, rank: int) -> Any:
    """A [N, T] of torch with T at an axis of so many."""
    index = (slice(None), *(None,) * (axis - 1), slice(None), *(None,) * (rank - axis))
    return value[index] if rank > 1 else value


def onnx_aligned(g: OnnxBuilder, value: OnnxValue, axis: int, rank: int) -> OnnxValue:
    """The same in ONNX."""
    new = [each for each in range(1, rank + 1) if each != axis]
    return g.Unsqueeze(value, g.ints(new)) if new else value


def positions(g: OnnxBuilder, like: OnnxValue, axis: int) -> OnnxValue:
    """0, 1, ... along an axis."""
    end = g.Squeeze(g.Shape(like, start=axis, end=axis + 1))
    return g.Range(g.constant(0, DType.INT64), end, g.constant(1, DType.INT64))


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
