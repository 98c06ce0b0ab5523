"""Quotients of sizes in normal form."""

from __future__ import annotations

from math import gcd

from netspec.ir.bounds import bounds
from netspec.ir.dims import Dim, DimError, Floor, Monomial, Size, Symbol, order, size_of, terms_of


def floor(numerator: Size, divisor: int) -> Size:
    """`numerator//divisor` for a positive divisor, with all that is exact in front of it."""
    terms = terms_of(numerator)
    constant = terms.pop((), 0)
    if terms and all(factor < 0 for factor in terms.values()):
        # As a ceiling: -(-a//c) is the same formula as (a + c - 1)//c.
        return -floor(divisor - 1 - numerator, divisor)
    whole = {monomial: factor // divisor for monomial, factor in terms.items()}
    rest = {monomial: factor % divisor for monomial, factor in terms.items() if factor % divisor}
    if not rest:
        return size_of({**whole, (): constant // divisor})
    # (g*a + k)//(g*c) = (a + k//g)//c; the constant is then brought to -c < k <= 0.
    common = gcd(divisor, *rest.values())
    constant, divisor = constant // common, divisor // common
    carried = -(-constant // divisor)
    inner = size_of({m: factor // common for m, factor in rest.items()} | {(): constant - carried * divisor})
    outside = size_of(whole) + carried
    if divisor == 1 or isinstance(inner, int):
        return outside + inner // divisor
    nested = [m[0] for m, factor in inner.terms if factor == 1 and len(m) == 1 and isinstance(m[0], Floor)]
    if len(nested) == 1:
        # (a//m + b)//n = (a + m*b)//(m*n)
        [atom] = nested
        assert isinstance(atom, Floor)
        others = inner - size_of({(atom,): 1})
        return outside + floor(atom.numerator + others * atom.divisor, atom.divisor * divisor)
    low, high = bounds(inner)
    if low is not None and high is not None and low // divisor == high // divisor:
        return outside + low // divisor
    return outside + size_of({(Floor(inner, divisor, _text(inner, divisor)),): 1})


def _text(numerator: Dim, divisor: int) -> str:
    [*others, (monomial, factor)] = numerator.terms
    if not others and factor == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
        return f"{monomial[0].name}//{monomial[0].multiple_of * divisor}"
    return f"({numerator})//{divisor}"


def exact(numerator: Size, divisor: Size) -> Size:
    """The quotient, where it is exact whatever the symbols are.

    Raises:
        DimError: it is not known to be.
    """
    if divisor == 0:
        raise ZeroDivisionError
    lead, lead_factor = min(terms_of(divisor).items(), key=order)
    rest, quotient = numerator, 0 * numerator
    while rest != 0:
        monomial, factor = min(terms_of(rest).items(), key=order)
        left = _without(monomial, lead)
        if left is None or factor % lead_factor:
            raise DimError(f"{numerator} is not known to be divisible by {divisor}")
        step = size_of({left: factor // lead_factor})
        quotient, rest = quotient + step, rest - divisor * step
    return quotient


def _without(monomial: Monomial, factors: Monomial) -> Monomial | None:
    left = list(monomial)
    for atom in factors:
        if atom not in left:
            return None
        left.remove(atom)
    return tuple(left)
