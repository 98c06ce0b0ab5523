"""Rules on sizes that may be formulas: what must be a number, what must be equal, what an input's axes tell of them."""

from collections.abc import Sequence
from functools import reduce
from math import lcm
from operator import mul
from typing import Any

from netspec.ir import Dim, Size, Sizes, multiple_proving, symbols_of
from netspec.ir.dims import Floor, Symbol, terms_of
from netspec.ops.base import OpError
from netspec.ops.lowering import TorchValue


def known(size: Size, what: str, *, attr: str | None = None) -> int:
    """The size, which must be a number.

    Raises:
        OpError: it depends on a symbol.
    """
    if isinstance(size, Dim):
        name = min(each.name for each in symbols_of(size))
        help = f"give `{name}` a number: `dims: {{{name}: 16}}`, or write one in the shape"
        raise OpError(f"{what} must be a known number, got {size}", attr=attr, help=help)
    return size


def proof(left: Size, right: Size) -> str | None:
    """The help for sizes that are not known to be equal, if a multiple of one symbol would make them so."""
    return _would_prove([multiple_proving(left, right)])


def shape_proof(shapes: Sequence[Sizes]) -> str | None:
    """The help for shapes of equal rank that are not known to be equal: a multiple for every axis that differs."""
    axes = (_differing(sizes) for sizes in zip(*shapes, strict=True))
    return _would_prove([multiple_proving(*pair) for pair in axes if pair is not None])


def _differing(sizes: Sequence[Size]) -> tuple[Size, Size] | None:
    """Two sizes of an axis that are not known to be equal, if there are; 1 stretches."""
    first, *others = [size for size in sizes if size != 1] or [1]
    return next(((first, size) for size in others if size != first), None)


def _would_prove(multiples: Sequence[tuple[str, int] | None]) -> str | None:
    """The `dims` that make all of it known, if there are such."""
    known: dict[str, int] = {}
    for found in multiples:
        if found is None:
            return None
        name, multiple = found
        known[name] = lcm(known.get(name, 1), multiple)
    written = ", ".join(f"{name}: {{multiple_of: {multiple}}}" for name, multiple in known.items())
    return f"`dims: {{{written}}}` would prove it" if known else None


def divisible(size: Size, divisor: int) -> bool:
    """Whether the divisor is known to divide the size."""
    return size % divisor == 0


def symbol_size(attr: str, word: str, shape: Sizes) -> Size:
    """The size that a symbol of the input's shape stands for.

    Raises:
        OpError: no axis depends on that symbol.
    """
    found = {each.name: each for size in shape for each in symbols_of(size)}
    if word not in found:
        names = ", ".join(f"`{name}`" for name in sorted(found)) or "none"
        help = f"the symbols there are: {names}"
        raise OpError(f"no size of the input {list(shape)} depends on `{word}`", attr=attr, help=help)
    return found[word].size


def resolve_sizes(attr: str, sizes: Sequence[Size | str], shape: Sizes) -> Sizes:
    """An attribute's sizes, with symbols in the place of their words.

    Raises:
        OpError: no axis of the input depends on a symbol.
    """
    return tuple(symbol_size(attr, size, shape) if isinstance(size, str) else size for size in sizes)


def axis_of(size: Size, shape: Sizes) -> int | None:
    """The axis, counted from 1, that has exactly that size, if it is a formula."""
    return shape.index(size) + 1 if isinstance(size, Dim) and size in shape else None


def readings(shape: Sizes) -> dict[Symbol, tuple[int, int, int]]:
    """How symbols are read off the axes: axis, factor and rest, where the axis is factor*atom + rest."""
    found: dict[Symbol, tuple[int, int, int]] = {}
    for axis, size in enumerate(shape, start=1):
        terms = terms_of(size)
        rest = terms.pop((), 0)
        if len(terms) == 1:
            [(monomial, factor)] = terms.items()
            if len(monomial) == 1 and isinstance(monomial[0], Symbol):
                found.setdefault(monomial[0], (axis, factor, rest))
    return found


def require_readable(attr: str, sizes: Sizes, shape: Sizes) -> None:
    """Refuse sizes that an input of that shape does not tell.

    Raises:
        OpError: naming the first such size.
    """
    told = readings(shape)
    for size in sizes:
        if axis_of(size, shape) is None and not symbols_of(size) <= told.keys():
            raise OpError(f"the size {size} cannot be read off the input {list(shape)}", attr=attr)


def torch_sizes(input: TorchValue, sizes: Sizes) -> list[Any]:
    """Sizes as arguments in PyTorch: numbers, and what is read off the input's axes: `x.size(2)*2`."""
    return [_torch_size(input, size) if isinstance(size, Dim) else size for size in sizes]


def _torch_size(input: TorchValue, size: Dim) -> Any:
    axis = axis_of(size, input.shape)
    if axis is not None:
        return input.size(axis)
    found: Any = None
    for monomial, factor in size.terms:  # the number comes last
        if not monomial:
            return found + factor if factor > 0 else found - -factor
        term = reduce(mul, (_torch_atom(input, atom) for atom in monomial))
        term = term if factor == 1 else term * factor
        found = term if found is None else found + term
    return found


def _torch_atom(input: TorchValue, atom: Symbol | Floor) -> Any:
    if isinstance(atom, Floor):
        return _torch_size(input, atom.numerator) // atom.divisor
    axis, factor, rest = readings(input.shape)[atom]
    value = input.size(axis)
    value = value - rest if rest else value
    return value if factor == 1 else value // factor
