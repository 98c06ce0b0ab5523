"""Whether what a cell computes is an LSTM, a GRU or a plain RNN, and which weights its gates then have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

from netspec.compiler.cells.algebra import ONE, Act, Atom, Poly, Product, Var, Weight, applied, atom, atoms, quotient
from netspec.ir.cells import Fused, FusedKind, Gates, Piece, Sum


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell: the sizes of the input and of the states, the next states, and the shapes of the parameters by key."""

    input: tuple[str, int]
    states: Mapping[str, int]
    nexts: Mapping[str, Poly]
    shapes: Mapping[str, tuple[int, ...]]


def match(cell: Cell, slots: Sequence[str]) -> Fused | None:
    """The fused layer that computes the same, or None.

    Args:
        cell: What the cell computes.
        slots: The names of the scan's slots, in order.
    """
    if len(cell.states) == 1:
        [h] = cell.states
        return _rnn(cell, h, slots) or _gru(cell, h, slots)
    if len(cell.states) == 2 and len({*cell.states.values()}) == 1:
        found = (_lstm(cell, h, c, slots) for h, c in permutations(cell.states))
        return next((each for each in found if each is not None), None)
    return None


def _rnn(cell: Cell, h: str, slots: Sequence[str]) -> Fused | None:
    """h' = tanh(a) or relu(a)."""
    for act in _acts(cell.nexts[h]):
        sign = {atom(act): 1, atom(act).times(-1): -1}.get(cell.nexts[h])
        if sign == 1 or (sign == -1 and act.function == "tanh"):
            kind: FusedKind | None = "tanh" if act.function == "tanh" else "relu" if act.function == "relu" else None
            return None if kind is None else _fused(cell, kind, h, (), [act.inner.times(sign)], [], slots)
    return None


def _lstm(cell: Cell, h: str, c: str, slots: Sequence[str]) -> Fused | None:
    """c' = f * c + i * tanh(g), h' = o * tanh(c')."""
    new_c, new_h = cell.nexts[c], cell.nexts[h]
    forget, rest = quotient(new_c, Var(c, 0))
    squashed = applied("tanh", new_c)
    if squashed is None or len(squashed.terms) != 1:
        return None
    [((outer, *_), sign)] = squashed.terms
    output, left = quotient(new_h, outer)
    f, o = _gate(forget), _gate(output.times(sign))
    if f is None or o is None or left.terms:
        return None
    for act in _acts(rest, "tanh"):
        inside, left = quotient(rest, act)
        for i, g in ((_gate(inside), act.inner), (_gate(inside.times(-1)), act.inner.times(-1))):
            if i is not None and not left.terms:
                return _fused(cell, "lstm", h, (c,), [i, f, g, o], [], slots)
    return None


def _gru(cell: Cell, h: str, slots: Sequence[str]) -> Fused | None:
    """h' = (1 - z) * n + z * h, n = tanh(a + r * b), b an affine map of h alone."""
    kept, rest = quotient(cell.nexts[h], Var(h, 0))
    z = _gate(kept)
    if z is None:
        return None
    for act in _acts(rest, "tanh"):
        inside, left = quotient(rest, act)
        for sign in (1, -1):
            if not left.terms and inside.times(sign) == ONE + kept.times(-1):
                return _with_reset(cell, h, z, act.inner.times(sign), slots)
    return None


def _with_reset(cell: Cell, h: str, z: Poly, candidate: Poly, slots: Sequence[str]) -> Fused | None:
    """The candidate's own part, and the affine map of h that the reset gate scales."""
    scaled = [each for each in atoms(candidate) if isinstance(each, Product) and each.source == h]
    gates = {quotient(candidate, each)[0] for each in scaled}
    if len(gates) != 1:
        return None
    [reset] = gates
    r = _gate(reset)
    if r is None:
        return None
    inner = Poly()
    for each in atoms(candidate):
        if isinstance(each, Product | Weight) and quotient(candidate, each)[0] == reset:
            inner += atom(each)
    own = candidate + (inner * reset).times(-1)
    return _fused(cell, "gru", h, (), [r, z, own], [Poly(), Poly(), inner], slots)


def _acts(poly: Poly, function: str | None = None) -> Iterator[Act]:
    return (each for each in atoms(poly) if isinstance(each, Act) and function in (None, each.function))


def _gate(poly: Poly) -> Poly | None:
    """The polynomial under the sigmoid, if it is one: sigmoid(a), or 1 - sigmoid(a) = sigmoid(-a)."""
    for act in _acts(poly, "sigmoid"):
        if poly == atom(act):
            return act.inner
        if poly == ONE + atom(act).times(-1):
            return act.inner.times(-1)
    return None


def _fused(
    cell: Cell, kind: FusedKind, h: str, others: tuple[str, ...], gates: Sequence[Poly], scaled: Sequence[Poly],
    slots: Sequence[str],
) -> Fused | None:  # fmt: skip
    """The layer of these gates; None where one is no affine map of all of the input and all of h.

    `scaled`: what stands in the recurrent part alone, behind the reset gate of a GRU.
    """
    parts = [_affine(cell, h, poly, own) for poly, own in zip(gates, scaled or [Poly()] * len(gates), strict=True)]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    w_x, w_h, b_x, b_h = (tuple(part[i] for part in found) for i in range(4))
    if not (all(w_x) and all(w_h)):
        return None
    b_x, b_h = _apart(w_x, w_h, b_x, b_h)
    states = tuple(slots.index(name) for name in (h, *others))
    return Fused(kind, cell.states[h], slots.index(cell.input[0]), states, w_x, w_h, b_x, b_h)


_Parts = tuple[Sum, Sum, Sum, Sum]


def _affine(cell: Cell, h: str, poly: Poly, scaled: Poly) -> _Parts | None:
    found: dict[str, list[Piece | float]] = {"x": [], "h": [], "b_x": [], "b_h": []}
    sizes = {cell.input[0]: ("x", cell.input[1]), h: ("h", cell.states[h])}
    for own, bias in ((poly, "b_x"), (scaled, "b_h")):
        for monomial, factor in own.terms:
            kind = _kind(monomial, sizes)
            if kind is None or (bias == "b_h" and kind == "x"):
                return None
            part = _piece(cell, monomial[0], factor, cell.states[h]) if monomial else factor
            found[bias if kind == "bias" else kind].append(part)
    return tuple(found["x"]), tuple(found["h"]), tuple(found["b_x"]), tuple(found["b_h"])


def _kind(monomial: tuple[Atom, ...], sizes: Mapping[str, tuple[str, int]]) -> str | None:
    """Whether a term is a bias or a number, or the product of a matrix with the whole of the input or of h."""
    if len(monomial) != 1:
        return None if monomial else "bias"
    [own] = monomial
    if isinstance(own, Weight):
        return "bias"
    if isinstance(own, Product) and own.source in sizes:
        kind, size = sizes[own.source]
        return kind if (own.first, own.width) == (0, size) else None
    return None


def _piece(cell: Cell, own: Atom, factor: float, size: int) -> Piece:
    assert isinstance(own, Weight | Product)
    columns = (own.column, own.column + own.width) if isinstance(own, Product) else None
    return Piece(own.key, cell.shapes[own.key], (own.start, own.start + size), columns, factor)


def _apart(w_x: Gates, w_h: Gates, b_x: Gates, b_h: Gates) -> tuple[Gates, Gates]:
    """Biases of layers that read h alone stand with its weights, so that two need not be added."""
    of_h_alone = {_layer(p) for gate in w_h for p in gate} - {_layer(p) for gate in w_x for p in gate}
    if any(b_h) or not of_h_alone:
        return b_x, b_h
    of_h = tuple(tuple(p for p in gate if _layer(p) in of_h_alone) for gate in b_x)
    of_x = tuple(tuple(p for p in gate if _layer(p) not in of_h_alone) for gate in b_x)
    return (of_x, of_h) if all(of_h) and (all(of_x) or not any(of_x)) else (b_x, b_h)


def _layer(part: Piece | float) -> str | None:
    """The layer that a parameter is of; a number is of none."""
    return part.key.rpartition(".")[0] if isinstance(part, Piece) else None
