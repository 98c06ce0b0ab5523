"""Where the cells of each rank stand from left to right: as near to what they are joined with as order allows.

Each cell wants to be at the weighted median of its neighbours, which makes straight lines rather than many small bends.
On a rank that is isotonic regression in the L1 norm, solved by pooling those that would overlap.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from netspec.backends.diagram.layout.cells import Cell, Grid

Wish = tuple[float, float]

GAP = 30.0
LANE_GAP = 16.0
# What passes by makes way for boxes: in a pool its wishes hardly count.
YIELDING = 0.01
SWEEPS = 10


def align(grid: Grid) -> None:
    """Set `x` of every cell, so that none overlap."""
    for rank in grid.ranks:
        _spread(rank, [[(0.0, 1)] for _ in rank])
    for rank in grid.ranks:
        _spread(rank, [_wishes(cell, above=True) for cell in rank])
    for sweep in range(SWEEPS):
        for rank in grid.ranks[::-1] if sweep % 2 == 0 else grid.ranks:
            _spread(rank, [_wishes(cell, above=True) + _wishes(cell, above=False) for cell in rank])
    for _ in range(2):
        for lane in sorted(grid.lanes, key=len, reverse=True):
            _straighten(lane, grid)


def separation(left: Cell, right: Cell) -> float:
    """The least distance of two neighbours' middles."""
    gap = GAP if left.box is not None and right.box is not None else LANE_GAP
    return (left.width + right.width) / 2 + gap


def _wishes(cell: Cell, *, above: bool) -> list[Wish]:
    share = 1.0 if cell.box is not None else YIELDING
    if above:
        return [(link.upper.x + link.start - link.end, link.weight * share) for link in cell.above]
    return [(link.lower.x + link.end - link.start, link.weight * share) for link in cell.below]


def _spread(rank: Sequence[Cell], wishes: Sequence[list[Wish]]) -> None:
    """Every cell at the median of its wishes, pooled with neighbours where they would overlap."""
    offsets = [0.0]
    for left, right in itertools.pairwise(rank):
        offsets.append(offsets[-1] + separation(left, right))
    pools: list[tuple[float, list[Wish], int]] = []
    for cell, offset, wanted in zip(rank, offsets, wishes, strict=False):
        pool = [(x - offset, weight) for x, weight in wanted or [(cell.x, 1)]]
        place, size = median(pool), 1
        while pools and pools[-1][0] > place:
            _, before, count = pools.pop()
            pool, size = before + pool, size + count
            place = median(pool)
        pools.append((place, pool, size))
    places = [place for place, _, size in pools for _ in range(size)]
    for cell, offset, place in zip(rank, offsets, places, strict=False):
        cell.x = place + offset


def median(wishes: Iterable[Wish]) -> float:
    """The weighted median; the middle of the two where the halves are equal."""
    ordered = sorted(wishes)
    half, passed = sum(weight for _, weight in ordered) / 2, 0.0
    for index, (x, weight) in enumerate(ordered):
        passed += weight
        if passed > half:
            return x
        if passed == half:
            return (x + ordered[min(index + 1, len(ordered) - 1)][0]) / 2
    return 0.0


def _straighten(lane: Sequence[Cell], grid: Grid) -> None:
    """A whole lane at one x, where its neighbours leave room on every rank."""
    low, high = float("-inf"), float("inf")
    for cell in lane:
        rank = grid.ranks[cell.rank]
        place = rank.index(cell)
        if place > 0:
            low = max(low, rank[place - 1].x + separation(rank[place - 1], cell))
        if place + 1 < len(rank):
            high = min(high, rank[place + 1].x - separation(cell, rank[place + 1]))
    if low <= high:
        x = min(max(median((cell.x, 1) for cell in lane), low), high)
        for cell in lane:
            cell.x = x
