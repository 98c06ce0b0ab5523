"""Scene -> placement: rectangles for boxes and routes for wires, with unfolded blocks placed inside theirs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from netspec.backends.diagram.layout.align import align
from netspec.backends.diagram.layout.cells import Cell, Grid, Size, grid
from netspec.backends.diagram.layout.order import arrange
from netspec.backends.diagram.scene import Box, Scene, Wire

RANK_GAP = 34.0
MARGIN = 16.0
# Room for the title of an unfolded block, between its border and what is inside.
HEADER = 30.0
PORT_STEP = 22.0

Measure = Callable[[Box], tuple[float, float]]


class Rect(NamedTuple):
    """A rectangle, from its upper left corner."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """A wire's way, as points: vertical pieces along ranks, pieces that turn between them."""

    wire: Wire
    points: tuple[tuple[float, float], ...]
    # A value that passes ranks by: a skip connection.
    passes: bool


@dataclass(slots=True, eq=False)
class Placement:
    """Where everything of a scene is, from its own upper left corner."""

    width: float
    height: float
    boxes: dict[Box, Rect] = field(default_factory=dict)
    routes: list[Route] = field(default_factory=list)
    inner: dict[Box, Placement] = field(default_factory=dict)


def place(scene: Scene, measure: Measure, title_width: Callable[[Box], float]) -> Placement:
    """Place a scene.

    Args:
        scene: What to place; unfolded blocks are placed first, and are boxes of that size outside.
        measure: Width and height of a box that is not unfolded.
        title_width: Width of the title in an unfolded block's upper left corner; no wire enters there.
    """
    inner = {box: place(box.scene, measure, title_width) for box in scene.boxes if box.scene is not None}
    sizes = {box: _size(box, inner.get(box), measure, title_width) for box in scene.boxes}
    found = grid(scene, sizes)
    arrange(found)
    align(found)
    return _Setter(scene, found, sizes, inner).placement()


def _size(box: Box, inner: Placement | None, measure: Measure, title_width: Callable[[Box], float]) -> Size:
    if inner is None:
        return Size(*measure(box))
    assert box.scene is not None
    ports = [each for each in box.scene.boxes if each.kind == "port"]
    reading = {wire.target for wire in box.scene.wires}
    middles = {port: inner.boxes[port].x + inner.boxes[port].width / 2 for port in ports}
    entries = [middles[port] for port in ports if port not in reading]
    # The title stands left of the first wire that enters.
    side = max(0.0, title_width(box) + 24 - min(entries, default=inner.width))
    width = inner.width + 2 * side
    exits = [middles[port] for port in ports if port in reading]
    return Size(
        width,
        inner.height,
        tuple(x + side - width / 2 for x in entries),
        tuple(x + side - width / 2 for x in exits),
    )


class _Setter:
    """Turns a grid into coordinates."""

    def __init__(self, scene: Scene, found: Grid, sizes: dict[Box, Size], inner: dict[Box, Placement]) -> None:
        self._scene, self._grid, self._sizes, self._inner = scene, found, sizes, inner
        self._is_inside = any(box.kind == "port" for box in scene.boxes)
        cells = [cell for rank in found.ranks for cell in rank]
        left = min((cell.x - cell.width / 2 for cell in cells), default=0.0)
        margin = MARGIN if self._is_inside else 0.0
        for cell in cells:
            cell.x += margin - left
        self._width = max((cell.x + cell.width / 2 for cell in cells), default=0.0) + margin
        self._tops, self._bottoms = self._levels()

    def placement(self) -> Placement:
        placement = Placement(self._width, self._bottoms[-1] if self._bottoms else 0.0, inner=self._inner)
        for box, cell in self._grid.cells.items():
            size = self._sizes[box]
            top, bottom = self._tops[cell.rank], self._bottoms[cell.rank]
            y = top + (bottom - top - size.height) / 2
            placement.boxes[box] = Rect(cell.x - size.width / 2, y, size.width, size.height)
        entries = self._entries()
        placement.routes = [self._route(wire, placement, entries[wire]) for wire in self._scene.wires]
        return placement

    def _levels(self) -> tuple[list[float], list[float]]:
        """Top and bottom of every rank; wires that go far to the side get more room to turn."""
        tops, bottoms, y = list[float](), list[float](), 0.0
        for number, rank in enumerate(self._grid.ranks):
            height = max((self._sizes[cell.box].height for cell in rank if cell.box is not None), default=0.0)
            tops.append(y)
            bottoms.append(y + height)
            reach = max((abs(link.lower.x - link.upper.x) for cell in rank for link in cell.below), default=0.0)
            header = HEADER - 14 if self._is_inside and number == 0 else 0.0
            y += height + RANK_GAP + min(48.0, reach / 8) + header
        return tops, bottoms

    def _entries(self) -> dict[Wire, float]:
        """Where each wire enters its target, from the target's middle: side by side, in the order they come."""
        by_target: dict[Box, list[Wire]] = defaultdict(list)
        for wire in self._scene.wires:
            by_target[wire.target].append(wire)
        found: dict[Wire, float] = {}
        for box, wires in by_target.items():
            places = self._sizes[box].entries
            if places:
                found |= {wire: places[wire.input] for wire in wires}
            else:
                found |= self._side_by_side(self._grid.cells[box], wires)
        return found

    def _side_by_side(self, cell: Cell, wires: list[Wire]) -> dict[Wire, float]:
        comes = {wire: self._comes_from(wire) for wire in wires}
        ordered = sorted(wires, key=lambda wire: comes[wire])
        step = min(PORT_STEP, (cell.width - 30) / max(1, len(wires) - 1))
        straight = [index for index, wire in enumerate(ordered) if abs(comes[wire] - cell.x) < 0.5]
        middle = straight[len(straight) // 2] if straight else (len(wires) - 1) / 2
        spread = max(middle, len(wires) - 1 - middle, 1)
        step = min(step, (cell.width / 2 - 12) / spread)
        return {wire: (index - middle) * step for index, wire in enumerate(ordered)}

    def _comes_from(self, wire: Wire) -> float:
        before = self._grid.ways[wire][-2]
        return before.x + (self._exit(wire) if before.box is wire.source else 0.0)

    def _exit(self, wire: Wire) -> float:
        exits = self._sizes[wire.source].exits
        return exits[wire.output] if exits else 0.0

    def _route(self, wire: Wire, placement: Placement, entry: float) -> Route:
        way = self._grid.ways[wire]
        source, target = placement.boxes[wire.source], placement.boxes[wire.target]
        x = way[0].x + self._exit(wire)
        points = [(x, source.y + source.height), (x, self._bottoms[way[0].rank])]
        for cell in way[1:-1]:
            points += [(cell.x, self._tops[cell.rank]), (cell.x, self._bottoms[cell.rank])]
        x = way[-1].x + entry
        points += [(x, self._tops[way[-1].rank]), (x, target.y)]
        merged = [points[0]] + [after for before, after in pairwise(points) if after != before]
        return Route(wire, tuple(merged), len(way) > 2)
