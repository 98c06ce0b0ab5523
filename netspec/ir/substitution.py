"""Other sizes, or numbers, in the place of symbols."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import lcm

from netspec.ir.dims import DimError, Floor, Size, Symbol, atom_key, product, size_of, symbol, terms_of, total
from netspec.ir.quotient import exact

# The multiples that a help offers.
MULTIPLES = (2, 4, 8, 16, 32, 64)


def atoms(size: Size) -> Iterator[Symbol | Floor]:
    """Its atoms, those inside floor divisions too."""
    for monomial in terms_of(size):
        for atom in monomial:
            yield atom
            if isinstance(atom, Floor):
                yield from atoms(atom.numerator)


def symbols_of(size: Size) -> frozenset[Symbol]:
    """The symbols that a size depends on."""
    return frozenset(atom for atom in atoms(size) if isinstance(atom, Symbol))


def substitute(size: Size, values: Mapping[str, Size]) -> Size:
    """The size with other sizes in the place of some symbols.

    Raises:
        DimError: a value is not known to be a multiple of what its symbol is a multiple of.
    """
    if isinstance(size, int):
        return size
    return total(factor * product(_replaced(atom, values) for atom in m) for m, factor in size.terms)


def _replaced(atom: Symbol | Floor, values: Mapping[str, Size]) -> Size:
    if isinstance(atom, Floor):
        return substitute(atom.numerator, values) // atom.divisor
    value = values.get(atom.name)
    return size_of({(atom,): 1}) if value is None else exact(value, atom.multiple_of)


def evaluate(size: Size, values: Mapping[str, int]) -> int:
    """The number that a size is where its symbols are these numbers.

    Raises:
        KeyError: a symbol has no value.
        DimError: a value is not a multiple of what its symbol is a multiple of.
    """
    found = substitute(size, {each.name: values[each.name] for each in symbols_of(size)})
    assert isinstance(found, int)
    return found


def multiple_proving(left: Size, right: Size) -> tuple[str, int] | None:
    """The symbol, and the smallest number, whose multiple it would have to be for both sizes to be equal."""
    for each in sorted(symbols_of(left) | symbols_of(right), key=atom_key):
        for multiple in MULTIPLES:
            try:
                known = {each.name: symbol(each.name, each.least, each.most, lcm(each.multiple_of, multiple))}
            except DimError:
                break
            if substitute(left, known) == substitute(right, known):
                return each.name, lcm(each.multiple_of, multiple)
    return None
