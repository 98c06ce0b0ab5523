"""The cells of a layered layout: boxes, and one on each rank for a value that passes by."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from netspec.backends.diagram.scene import Box, Scene, Wire


@dataclass(frozen=True, slots=True)
class Size:
    """The extent of a box; `entries` and `exits` are where wires meet an unfolded block, from its middle."""

    width: float
    height: float
    entries: tuple[float, ...] = ()
    exits: tuple[float, ...] = ()


@dataclass(slots=True, eq=False)
class Cell:
    """A box on its rank, or the place where a value passes one; `x` is its middle."""

    rank: int
    width: float
    box: Box | None = None
    x: float = 0.0
    above: list[Link] = field(default_factory=list)
    below: list[Link] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Link:
    """A piece of a wire, from a rank to the next; it leaves at `start` and enters at `end`, from the cells' middles."""

    upper: Cell
    lower: Cell
    start: float
    end: float
    weight: int


@dataclass(slots=True, eq=False)
class Grid:
    """All cells by rank, and for each wire those on its way."""

    ranks: list[list[Cell]]
    cells: dict[Box, Cell]
    # The cells at which a value passes by, from top to bottom: one list a value.
    lanes: list[list[Cell]]
    ways: dict[Wire, list[Cell]]


# A bend in a passing value looks worse than one at a box; the longest path should be straight.
PASSING, SPINE, SIDE = 8, 3, 1
LANE_WIDTH = 10.0


def grid(scene: Scene, sizes: dict[Box, Size]) -> Grid:
    """The cells of a scene on their ranks, in the order in which they were made."""
    ranks = _ranks(scene)
    heights = _heights(scene, ranks)
    cells = {box: Cell(ranks[box], sizes[box].width, box) for box in scene.boxes}
    found = Grid([[] for _ in range(max(ranks.values(), default=0) + 1)], cells, [], {})
    for cell in cells.values():
        found.ranks[cell.rank].append(cell)
    for wires in _by_value(scene.wires):
        lane = _lane(found, wires, cells)
        for wire in wires:
            spine = ranks[wire.target] == ranks[wire.source] + 1 and heights[wire.source] == heights[wire.target] + 1
            found.ways[wire] = _way(wire, lane, cells, sizes, SPINE if spine else SIDE)
        _bind_lane(lane, cells[wires[0].source], _at(sizes[wires[0].source].exits, wires[0].output))
    return found


def _ranks(scene: Scene) -> dict[Box, int]:
    """Longest paths from above; what reads nothing stands right above its first reader, ports at the borders."""
    above: dict[Box, list[Box]] = defaultdict(list)
    below: dict[Box, list[Box]] = defaultdict(list)
    for wire in scene.wires:
        above[wire.target].append(wire.source)
        below[wire.source].append(wire.target)
    entries = [box for box in scene.boxes if box.kind == "port" and not above[box]]
    first = 1 if entries else 0
    ranks = dict.fromkeys(entries, 0)
    for box in scene.boxes:
        if box not in ranks:
            ranks[box] = max((ranks[source] + 1 for source in above[box]), default=first)
    for box in reversed(scene.boxes):
        if not above[box] and below[box] and box.kind not in ("port", "input"):
            ranks[box] = min(ranks[target] for target in below[box]) - 1
    last = max(ranks.values(), default=0)
    exits = [box for box in scene.boxes if box.kind == "port" and above[box]]
    # An exit stands below everything else, also where what it gives was made early.
    level = last + any(ranks[box] == last for box in scene.boxes if box not in exits)
    return ranks | dict.fromkeys(exits, level)


def _heights(scene: Scene, ranks: dict[Box, int]) -> dict[Box, int]:
    heights: dict[Box, int] = dict.fromkeys(scene.boxes, 0)
    for wire in sorted(scene.wires, key=lambda wire: -ranks[wire.source]):
        heights[wire.source] = max(heights[wire.source], heights[wire.target] + 1)
    return heights


def _by_value(wires: list[Wire]) -> list[list[Wire]]:
    found: dict[tuple[Box, int], list[Wire]] = defaultdict(list)
    for wire in wires:
        found[wire.source, wire.output].append(wire)
    return list(found.values())


def _lane(grid: Grid, wires: list[Wire], cells: dict[Box, Cell]) -> list[Cell]:
    """The cells between a value's source and its last reader: one lane, from which every reader branches off."""
    first, last = cells[wires[0].source].rank + 1, max(cells[wire.target].rank for wire in wires)
    lane = [Cell(rank, LANE_WIDTH) for rank in range(first, last)]
    for cell in lane:
        grid.ranks[cell.rank].append(cell)
    if lane:
        grid.lanes.append(lane)
    return lane


def _bind_lane(lane: list[Cell], source: Cell, start: float) -> None:
    for upper, lower in zip([source, *lane], lane, strict=False):
        passing = upper is not source
        _bind(Link(upper, lower, 0.0 if passing else start, 0.0, PASSING if passing else SIDE))


def _way(wire: Wire, lane: list[Cell], cells: dict[Box, Cell], sizes: dict[Box, Size], weight: int) -> list[Cell]:
    source, target = cells[wire.source], cells[wire.target]
    passed = lane[: target.rank - source.rank - 1]
    upper = passed[-1] if passed else source
    start = 0.0 if passed else _at(sizes[wire.source].exits, wire.output)
    _bind(Link(upper, target, start, _at(sizes[wire.target].entries, wire.input), weight))
    return [source, *passed, target]


def _bind(link: Link) -> None:
    link.upper.below.append(link)
    link.lower.above.append(link)


def _at(places: tuple[float, ...], index: int) -> float:
    return places[index] if index < len(places) else 0.0
