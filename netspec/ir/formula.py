"""Sizes as text."""

from __future__ import annotations

from math import gcd

from netspec.ir.dims import Floor, Monomial, Size, terms_of


def text(size: Size, grouping: str = "") -> str:
    """A formula as the expression parser reads it back: `(H - 1)//2 + 1`."""
    written = ""
    for monomial, factor in terms_of(size).items():
        term = _term(monomial, abs(factor), grouping)
        sign = "-" if factor < 0 else "+"
        written += f" {sign} {term}" if written else term if factor > 0 else _negative(monomial, term)
    return written


def _negative(monomial: Monomial, term: str) -> str:
    """A sign in front binds tighter than `//`."""
    is_quotient = len(monomial) == 1 and "//" in term and not term[0].isdigit()
    return f"-({term})" if is_quotient else f"-{term}"


def _term(monomial: Monomial, factor: int, grouping: str) -> str:
    factors = []
    for atom in monomial:
        if isinstance(atom, Floor):
            factors.append(atom.text)
            continue
        common = gcd(factor, atom.multiple_of)
        factor, divisor = factor // common, atom.multiple_of // common
        factors.append(atom.name if divisor == 1 else f"{atom.name}//{divisor}")
    if factor == 1 and len(factors) == 1:
        return factors[0]
    numbers = [] if factor == 1 and factors else [format(factor, grouping)]
    return "*".join(numbers + [each if each.isidentifier() else f"({each})" for each in factors])
