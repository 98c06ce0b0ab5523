"""Sizes that are formulas, computed in the ONNX graph from the shapes of its values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING

from netspec.ir import Dim, Size, Symbol, TensorType, is_at_most, substitute
from netspec.ir.dims import Floor
from netspec.ops.lowering import OnnxValue
from netspec.ops.sizes import axis_of, readings

if TYPE_CHECKING:
    from netspec.backends.onnx.builder import Builder


class Formulas:
    """Writes sizes as int64 vectors of one element; `declare` says from which values symbols can be read."""

    def __init__(self, builder: Builder) -> None:
        self._builder = builder
        self._declared: dict[Symbol, OnnxValue] = {}

    def declare(self, value: OnnxValue) -> None:
        """The value's shape is there wherever a formula is written: it is an input of the network."""
        for symbol in readings(value.shape):
            self._declared.setdefault(symbol, value)

    def vector(self, sizes: Sequence[Size], input: OnnxValue) -> OnnxValue:
        """The sizes in a row; formulas are read off the input's axes where these tell them."""
        g = self._builder
        if not any(isinstance(size, Dim) for size in sizes):
            return g.ints([size for size in sizes if isinstance(size, int)])
        return g.Concat(*(self._size(size, input) for size in sizes), axis=0)

    def _size(self, size: Size, input: OnnxValue) -> OnnxValue:
        if isinstance(size, int):
            return self._builder.ints([size])
        axis = axis_of(size, input.shape)
        if axis is not None:
            return self._axis(input, axis)
        return reduce(self._builder.Add, (self._term(monomial, factor, input) for monomial, factor in size.terms))

    def _term(self, monomial: tuple[Symbol | Floor, ...], factor: int, input: OnnxValue) -> OnnxValue:
        factors = [self._atom(atom, input) for atom in monomial]
        numbers: list[OnnxValue] = [] if factor == 1 and factors else [self._builder.ints([factor])]
        return reduce(self._builder.Mul, factors + numbers)

    def _atom(self, atom: Symbol | Floor, input: OnnxValue) -> OnnxValue:
        g = self._builder
        if isinstance(atom, Symbol):
            value = input if atom in readings(input.shape) else self._declared[atom]
            axis, factor, rest = readings(value.shape)[atom]
            size = self._axis(value, axis)
            size = g.Sub(size, g.ints([rest])) if rest else size
            return size if factor == 1 else g.Div(size, g.ints([factor]))
        numerator, divisor = self._size(atom.numerator, input), g.ints([atom.divisor])
        if not is_at_most(0, atom.numerator):
            # ONNX's integer Div rounds towards zero, its Mod takes the divisor's sign.
            numerator = g.Sub(numerator, g.Mod(numerator, divisor))
        return g.Div(numerator, divisor)

    def _axis(self, value: OnnxValue, axis: int) -> OnnxValue:
        return self._builder.Gather(self._builder.Shape(value), self._builder.ints([axis]), axis=0)


def dimensions(type: TensorType, batch: str, fixed: Mapping[str, int]) -> list[str | int | None]:
    """The axes of a declared value: numbers, and the names of those that are free."""
    axes: list[str | int | None] = [fixed.get(batch, batch) if type.batched else 1]
    sizes = [substitute(size, fixed) for size in type.shape]
    return axes + [size if isinstance(size, int) else str(size) for size in sizes]
