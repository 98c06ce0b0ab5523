"""The order of cells on each rank: few crossings, by barycentres (Sugiyama, Tagawa, Toda 1981)."""

from __future__ import annotations

import itertools
from bisect import bisect_right, insort

from netspec.backends.diagram.layout.cells import Cell, Grid

SWEEPS = 8
# Beyond so many cells a sweep costs more than it gives.
MANY_CELLS = 6000


def arrange(grid: Grid) -> None:
    """Order the cells of every rank; of all sweeps the one with the fewest crossings stays."""
    cells = sum(map(len, grid.ranks))
    best, fewest = [list(rank) for rank in grid.ranks], crossings(grid)
    for sweep in range(2 if cells > MANY_CELLS else SWEEPS):
        if not fewest:
            break
        _sweep(grid, down=sweep % 2 == 0)
        found = crossings(grid)
        if found < fewest:
            best, fewest = [list(rank) for rank in grid.ranks], found
    grid.ranks[:] = best


def crossings(grid: Grid) -> int:
    """How many pairs of links cross."""
    return sum(map(_crossings, grid.ranks[1:], grid.ranks))


def _crossings(rank: list[Cell], upper: list[Cell]) -> int:
    places = {cell: place for place, cell in enumerate(upper)}
    count, seen = 0, list[int]()
    for cell in rank:
        ends = sorted(places[link.upper] for link in cell.above)
        count += sum(len(seen) - bisect_right(seen, end) for end in ends)
        for end in ends:
            insort(seen, end)
    return count


def _sweep(grid: Grid, *, down: bool) -> None:
    ranks = grid.ranks if down else grid.ranks[::-1]
    for fixed, free in itertools.pairwise(ranks):
        places = {cell: float(place) for place, cell in enumerate(fixed)}
        own = {cell: float(place) for place, cell in enumerate(free)}
        wanted = {cell: _barycentre(cell, places, own[cell], down) for cell in free}
        free.sort(key=lambda cell: (wanted[cell], own[cell]))


def _barycentre(cell: Cell, places: dict[Cell, float], own: float, down: bool) -> float:
    near = [link.upper for link in cell.above] if down else [link.lower for link in cell.below]
    return sum(places[each] for each in near) / len(near) if near else own
