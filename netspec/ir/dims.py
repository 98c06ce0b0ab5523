"""Sizes that are known as formulas: polynomials with integer coefficients over symbols and floor divisions.

A known size is a plain `int`; a `Dim` is never constant. The normal form makes equality structural: `a == b` is a proof
that both are the same for every value of the symbols, and `a != b` only says that there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, Union

MAX_SIZE = 2**31 - 1
# How often symbols may be written in a formula: products and quotients multiply, sums only add.
MAX_WEIGHT = 256
MAX_SUM_WEIGHT = 4096
MAX_BITS = 256

Size: TypeAlias = Union[int, "Dim"]
Sizes: TypeAlias = tuple[Size, ...]
Monomial: TypeAlias = tuple[Union["Symbol", "Floor"], ...]
Terms: TypeAlias = dict[Monomial, int]


class DimError(ValueError):
    """A formula that cannot be made: too large, or a quotient that is not exact."""


class Undecided(DimError):
    """An order that the bounds of the symbols neither prove nor refute."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """A named size from `least` to `most` that `multiple_of` divides. As an atom it stands for name/multiple_of."""

    name: str
    least: int
    most: int | None
    multiple_of: int

    @property
    def size(self) -> Size:
        """The size of that name."""
        return self.multiple_of * size_of({(self,): 1})

    @property
    def key(self) -> tuple[int, str]:
        """Its place among the atoms."""
        return 0, self.name

    @property
    def weight(self) -> int:
        """Number of symbols written."""
        return 1


@dataclass(frozen=True, slots=True)
class Floor:
    """`numerator//divisor`, where that is neither exact nor simpler."""

    numerator: Dim
    divisor: int
    text: str = field(compare=False)

    @property
    def key(self) -> tuple[int, str]:
        """Its place among the atoms."""
        return 1, self.text

    @property
    def weight(self) -> int:
        """Number of symbols written."""
        return self.numerator.weight


def symbol(name: str, least: int = 1, most: int | None = None, multiple_of: int = 1) -> Size:
    """The size `name`; a number where the bounds leave one only.

    Raises:
        DimError: the numbers are out of bounds, or no size satisfies them.
    """
    given = (least, multiple_of) if most is None else (least, multiple_of, most)
    if not all(1 <= each <= MAX_SIZE for each in given):
        raise DimError(f"the bounds of `{name}` are from 1 to {MAX_SIZE}")
    low = -(-least // multiple_of) * multiple_of
    high = None if most is None else most // multiple_of * multiple_of
    if low > MAX_SIZE or (high is not None and high < low):
        bound = f"at most {most}" if most is not None else f"at most {MAX_SIZE}"
        raise DimError(f"no size is at least {least}, {bound} and a multiple of {multiple_of}")
    return low if low == high else Symbol(name, low, high, multiple_of).size


@dataclass(frozen=True, slots=True)
class Dim:
    """A size that is not a number: the sum of `terms`, each a product of atoms times an integer that is not 0."""

    terms: tuple[tuple[Monomial, int], ...]

    @property
    def weight(self) -> int:
        """Number of symbols written."""
        return sum(atom.weight for monomial, _ in self.terms for atom in monomial)

    def __add__(self, other: Size) -> Size:
        found = dict(self.terms)
        for monomial, factor in terms_of(other).items():
            found[monomial] = found.get(monomial, 0) + factor
        return size_of(found, MAX_SUM_WEIGHT)

    __radd__ = __add__

    def __neg__(self) -> Size:
        return self * -1

    def __sub__(self, other: Size) -> Size:
        return self + other * -1

    def __rsub__(self, other: Size) -> Size:
        return self * -1 + other

    def __mul__(self, other: Size) -> Size:
        found: Terms = {}
        for left, factor in self.terms:
            for right, other_factor in terms_of(other).items():
                monomial = tuple(sorted(left + right, key=atom_key))
                found[monomial] = found.get(monomial, 0) + factor * other_factor
        return size_of(found, MAX_SUM_WEIGHT if isinstance(other, int) else MAX_WEIGHT)

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Size:
        if not isinstance(exponent, int) or not 0 <= exponent <= MAX_WEIGHT:
            return NotImplemented
        result: Size = 1
        for _ in range(exponent):
            result = result * self
        return result

    def __floordiv__(self, other: Size) -> Size:
        from netspec.ir.quotient import floor

        if isinstance(other, Dim):
            return self / other
        if other == 0:
            raise ZeroDivisionError
        return floor(self, other) if other > 0 else floor(-self, -other)

    def __rfloordiv__(self, other: int) -> Size:
        from netspec.ir.quotient import exact

        return exact(other, self)

    def __truediv__(self, other: Size) -> Size:
        from netspec.ir.quotient import exact

        return exact(self, other)

    def __rtruediv__(self, other: int) -> Size:
        from netspec.ir.quotient import exact

        return exact(other, self)

    def __mod__(self, other: Size) -> Size:
        return self - self // other * other

    def __rmod__(self, other: int) -> Size:
        return other - other // self * self

    def __lt__(self, other: Size) -> bool:
        return _decide(self, other, "<")

    def __le__(self, other: Size) -> bool:
        return not _decide(other, self, "<", f"{self} <= {other}")

    def __gt__(self, other: Size) -> bool:
        return _decide(other, self, "<", f"{self} > {other}")

    def __ge__(self, other: Size) -> bool:
        return not _decide(self, other, "<", f"{self} >= {other}")

    def __bool__(self) -> bool:
        return self > 0 or self < 0

    def __str__(self) -> str:
        from netspec.ir.formula import text

        return text(self)

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        from netspec.ir.formula import text

        return text(self, spec) if spec in (",", "_") else format(text(self), spec)


def atom_key(atom: Symbol | Floor) -> tuple[int, str]:
    """The order of the atoms in a product."""
    return atom.key


def order(term: tuple[Monomial, int]) -> tuple[int, list[tuple[int, str]]]:
    """Terms of many factors first: a monomial order, as exact division needs it."""
    return -len(term[0]), [atom.key for atom in term[0]]


def terms_of(size: Size) -> Terms:
    """The terms of a size, a number's too; a copy."""
    return {(): size} if isinstance(size, int) else dict(size.terms)


def size_of(terms: Mapping[Monomial, int], limit: int | None = MAX_WEIGHT) -> Size:
    """The size that is the sum of terms.

    Raises:
        DimError: it would write its symbols more than `limit` times.
    """
    found = sorted(((monomial, factor) for monomial, factor in terms.items() if factor), key=order)
    if not found or found[0][0] == ():
        return found[0][1] if found else 0
    dim = Dim(tuple(found))
    if limit is not None and (dim.weight > limit or max(abs(factor).bit_length() for _, factor in found) > MAX_BITS):
        raise DimError(f"the formula of a size is too large: it would write its symbols more than {limit} times")
    return dim


def _decide(left: Size, right: Size, sign: str, question: str = "") -> bool:
    from netspec.ir.bounds import bounds

    low, high = bounds(right - left)
    if low is not None and low > 0:
        return True
    if high is not None and high <= 0:
        return False
    raise Undecided(f"{question or f'{left} {sign} {right}'} depends on the value of the symbols")


def product(sizes: Iterable[Size]) -> Size:
    """The product of sizes, 1 for none."""
    result: Size = 1
    for size in sizes:
        result = result * size
    return result


def total(sizes: Iterable[Size]) -> Size:
    """The sum of sizes, 0 for none; however many they are."""
    found: Terms = {}
    for size in sizes:
        for monomial, factor in terms_of(size).items():
            found[monomial] = found.get(monomial, 0) + factor
    return size_of(found, None)
