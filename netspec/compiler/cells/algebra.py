"""Polynomials over atoms: products of weights with vectors, biases, states, and activations of polynomials.

A polynomial stands for a vector, element by element; every atom knows at which element it begins, so that a part of a
vector is the same polynomial, moved. The normal form is unique: sigmoid(-a) is 1 - sigmoid(a), tanh(-a) is -tanh(a).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

# Beyond so many terms an equation is no cell that is known.
MAX_TERMS = 64


class Var(NamedTuple):
    """Elements of an input of the cell."""

    name: str
    start: int


class Weight(NamedTuple):
    """Elements of a parameter, one by one: a bias."""

    key: str
    start: int


class Entries(NamedTuple):
    """Elements of a matrix of so many columns, row by row."""

    key: str
    start: int
    columns: int


class Product(NamedTuple):
    """Rows of a matrix from `start` on, `width` of its columns from `column` on, times that many elements of a vector.

    The vector is an input of the cell (`source`, from its element `first` on), or something else that has no name.
    """

    key: str
    start: int
    column: int
    width: int
    source: str
    first: int


class Act(NamedTuple):
    """A function of a polynomial."""

    function: str
    inner: Poly


class Opaque(NamedTuple):
    """Something else, told apart by its name."""

    name: str
    start: int


Atom = Var | Weight | Entries | Product | Act | Opaque
Monomial = tuple[Atom, ...]


@dataclass(frozen=True, slots=True)
class Poly:
    """A sum of products of atoms with coefficients, in order."""

    terms: tuple[tuple[Monomial, float], ...] = ()

    @classmethod
    def of(cls, terms: Mapping[Monomial, float]) -> Poly:
        """The normal form."""
        kept = [(monomial, factor) for monomial, factor in terms.items() if factor != 0]
        return cls(tuple(sorted(kept, key=repr)))

    def __add__(self, other: Poly) -> Poly:
        found = dict(self.terms)
        for monomial, factor in other.terms:
            found[monomial] = found.get(monomial, 0.0) + factor
        return Poly.of(found)

    def __mul__(self, other: Poly) -> Poly:
        found: dict[Monomial, float] = {}
        for left, a in self.terms:
            for right, b in other.terms:
                monomial = tuple(sorted((*left, *right), key=repr))
                found[monomial] = found.get(monomial, 0.0) + a * b
        return Poly.of(found)

    def times(self, factor: float) -> Poly:
        """All coefficients times a number."""
        return Poly.of({monomial: factor * each for monomial, each in self.terms})

    def moved(self, count: int) -> Poly:
        """The same from so many elements later on."""
        return self if count == 0 else Poly.of({tuple(_moved(a, count) for a in m): factor for m, factor in self.terms})

    @property
    def constant(self) -> float | None:
        """The number that it is, if it is one."""
        if not self.terms:
            return 0.0
        return self.terms[0][1] if len(self.terms) == 1 and not self.terms[0][0] else None


def number(value: float) -> Poly:
    """A number."""
    return Poly.of({(): float(value)})


def atom(value: Atom) -> Poly:
    """An atom."""
    return Poly.of({(value,): 1.0})


ONE = number(1.0)


def applied(function: str, poly: Poly) -> Poly | None:
    """A function of a polynomial; None for those that are no part of a known cell."""
    if function == "-":
        return poly.times(-1)
    if function not in ("sigmoid", "tanh", "relu", "exp"):
        return None
    is_negative = bool(poly.terms) and poly.terms[0][1] < 0
    if function == "sigmoid" and is_negative:
        return ONE + atom(Act("sigmoid", poly.times(-1))).times(-1)
    if function == "tanh" and is_negative:
        return atom(Act("tanh", poly.times(-1))).times(-1)
    return atom(Act(function, poly))


def divided(left: Poly, right: Poly) -> Poly | None:
    """left / right, where right is a number, or 1 + exp(a): a / (1 + exp(b)) is a * sigmoid(-b)."""
    if right.constant is not None:
        return left.times(1 / right.constant) if right.constant else None
    exponents = [m[0].inner for m, factor in right.terms if len(m) == 1 and isinstance(m[0], Act) and factor == 1]
    for inner in exponents:
        if right == ONE + atom(Act("exp", inner)):
            gate = applied("sigmoid", inner.times(-1))
            return None if gate is None else left * gate
    return None


def quotient(poly: Poly, by: Atom) -> tuple[Poly, Poly]:
    """The factor of an atom in a polynomial, and the rest; an atom that is there twice stays in the factor once."""
    inside: dict[Monomial, float] = {}
    outside: dict[Monomial, float] = {}
    for monomial, factor in poly.terms:
        if by in monomial:
            at = monomial.index(by)
            inside[monomial[:at] + monomial[at + 1 :]] = factor
        else:
            outside[monomial] = factor
    return Poly.of(inside), Poly.of(outside)


def atoms(poly: Poly) -> Iterable[Atom]:
    """Every atom of a polynomial, those inside of activations not."""
    return dict.fromkeys(each for monomial, _ in poly.terms for each in monomial)


def _moved(value: Atom, count: int) -> Atom:
    if isinstance(value, Act):
        return Act(value.function, value.inner.moved(count))
    return value._replace(start=value.start + count)
