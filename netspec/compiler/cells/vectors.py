"""Vectors in parts: what `concat`, `chunk`, `slice`, `select` and reshaping do, each part a polynomial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from netspec.compiler.cells.algebra import MAX_TERMS, Poly

Part = tuple[int, Poly]


@dataclass(frozen=True, slots=True)
class Vector:
    """Elements in a row, in parts of so many each."""

    parts: tuple[Part, ...]

    @classmethod
    def of(cls, parts: Sequence[Part]) -> Vector:
        """Parts that go on are one."""
        merged: list[Part] = []
        for size, poly in parts:
            if merged and merged[-1][1].moved(merged[-1][0]) == poly and poly.constant is None:
                merged[-1] = (merged[-1][0] + size, merged[-1][1])
            elif size:
                merged.append((size, poly))
        return cls(tuple(merged))

    @property
    def size(self) -> int:
        """How many elements there are."""
        return sum(size for size, _ in self.parts)

    @property
    def whole(self) -> Poly | None:
        """The polynomial of all elements, if it is one."""
        return self.parts[0][1] if len(self.parts) == 1 else None

    def cut(self, start: int, end: int) -> Vector:
        """The elements from `start` to `end` (not included)."""
        found: list[Part] = []
        position = 0
        for size, poly in self.parts:
            low, high = max(start, position), min(end, position + size)
            if low < high:
                found.append((high - low, poly.moved(low - position)))
            position += size
        return Vector.of(found)

    def map(self, function: Callable[[Poly], Poly | None]) -> Vector | None:
        """A function of every element."""
        found = [(size, function(poly)) for size, poly in self.parts]
        return _known(found)


def joined(vectors: Sequence[Vector]) -> Vector:
    """One after the other."""
    return Vector.of([part for vector in vectors for part in vector.parts])


def combined(left: Vector, right: Vector, function: Callable[[Poly, Poly], Poly | None]) -> Vector | None:
    """A function of two, element by element."""
    if left.size != right.size:
        return None
    ends = sorted({*_ends(left), *_ends(right)})
    found: list[tuple[int, Poly | None]] = []
    start = 0
    for end in ends:
        a, b = left.cut(start, end).whole, right.cut(start, end).whole
        found.append((end - start, None if a is None or b is None else function(a, b)))
        start = end
    return _known(found)


def _ends(vector: Vector) -> list[int]:
    ends: list[int] = []
    for size, _ in vector.parts:
        ends.append((ends[-1] if ends else 0) + size)
    return ends


def _known(parts: Sequence[tuple[int, Poly | None]]) -> Vector | None:
    known = [(size, poly) for size, poly in parts if poly is not None and len(poly.terms) <= MAX_TERMS]
    return Vector.of(known) if len(known) == len(parts) else None
