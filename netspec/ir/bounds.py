"""Bounds of sizes: what is known of their order for every value of the symbols."""

from __future__ import annotations

from netspec.ir.dims import Floor, Monomial, Size, Symbol, Terms

# Each floor division that is bounded by its quotient is one more round.
MAX_ROUNDS = 8


def bounds(size: Size) -> tuple[int | None, int | None]:
    """The smallest and the largest value that a size may have; None where no bound is known.

    They are sound, not always the tightest: atoms vary together only as far as `_relaxed` sees.
    """
    if isinstance(size, int):
        return size, size
    terms = dict(size.terms)
    high = _low({monomial: -factor for monomial, factor in terms.items()})
    return _low(terms), None if high is None else -high


def is_less(left: Size, right: Size) -> bool:
    """Whether `left < right` is proven."""
    low, _ = bounds(right - left)
    return low is not None and low > 0


def is_at_most(left: Size, right: Size) -> bool:
    """Whether `left <= right` is proven."""
    low, _ = bounds(right - left)
    return low is not None and low >= 0


def _low(terms: Terms, rounds: int = MAX_ROUNDS) -> int | None:
    found = [_shifted(terms), _relaxed(terms, rounds)]
    return max((low for low in found if low is not None), default=None)


def _range(atom: Symbol | Floor) -> tuple[int | None, int | None]:
    if isinstance(atom, Symbol):
        high = None if atom.most is None else atom.most // atom.multiple_of
        return atom.least // atom.multiple_of, high
    low, high = bounds(atom.numerator)
    return None if low is None else low // atom.divisor, None if high is None else high // atom.divisor


def _shifted(terms: Terms) -> int | None:
    """A lower bound by writing each atom as its least value and a rest that is not negative."""
    ranges = {atom: _range(atom) for monomial in terms for atom in monomial}
    rests: Terms = {}
    for monomial, factor in terms.items():
        expanded: Terms = {(): factor}
        for atom in monomial:
            least = ranges[atom][0]
            if least is None:
                return None
            expanded = _times_sum(expanded, atom, least)
        _add(rests, expanded)
    low = rests.pop((), 0)
    for monomial, factor in rests.items():
        for atom in monomial if factor < 0 else ():
            least, most = ranges[atom]
            if least is None or most is None:
                return None
            factor *= most - least
        low += min(factor, 0)
    return low


def _times_sum(terms: Terms, atom: Symbol | Floor, number: int) -> Terms:
    """`terms * (atom + number)`, where the atom now stands for its rest."""
    found = {monomial: factor * number for monomial, factor in terms.items()}
    _add(found, {_sorted((*monomial, atom)): factor for monomial, factor in terms.items()})
    return found


def _relaxed(terms: Terms, rounds: int) -> int | None:
    """A lower bound by (a - c + 1)/c <= a//c <= a/c for one floor division that is a factor at most once in a term."""
    for atom in {atom: None for monomial in terms for atom in monomial if isinstance(atom, Floor)}:
        involved = [(monomial, factor) for monomial, factor in terms.items() if atom in monomial]
        others = [_without(monomial, atom) for monomial, _ in involved]
        if rounds == 0 or any(atom in each or not all(map(_is_natural, each)) for each in others):
            continue
        scaled = {m: factor * atom.divisor for m, factor in terms.items() if atom not in m}
        for other, (_, factor) in zip(others, involved, strict=True):
            bound = dict(atom.numerator.terms)
            _add(bound, {(): 1 - atom.divisor if factor > 0 else 0})
            _add(scaled, {_sorted(other + m): factor * each for m, each in bound.items()})
        low = _low(scaled, rounds - 1)
        return None if low is None else -(-low // atom.divisor)
    return None


def _is_natural(atom: Symbol | Floor) -> bool:
    low, _ = _range(atom)
    return low is not None and low >= 0


def _without(monomial: Monomial, atom: Symbol | Floor) -> Monomial:
    index = monomial.index(atom)
    return monomial[:index] + monomial[index + 1 :]


def _sorted(monomial: Monomial) -> Monomial:
    return tuple(sorted(monomial, key=lambda atom: atom.key))


def _add(terms: Terms, more: Terms) -> None:
    for monomial, factor in more.items():
        terms[monomial] = terms.get(monomial, 0) + factor
        if not terms[monomial]:
            del terms[monomial]
