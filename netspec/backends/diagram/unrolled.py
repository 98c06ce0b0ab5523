"""A network unrolled in time: a column a step, a row a layer, and what is handed on from step to step."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from netspec.compiler.outline import name as what_of
from netspec.compiler.outline import params_of
from netspec.ir import Graph, Node, Region, Scan, Size, Value
from netspec.ops.recurrent import Recurrent


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """The steps of one axis: the first column, how many are drawn, and whether there are more."""

    first: int
    count: int
    is_open: bool


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A layer, an input or an output at one step. `copy` counts from 0; the others use its weights."""

    title: str
    name: str
    family: str
    column: float
    row: int
    copy: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Arrow:
    """From one cell to another; along a row it hands on states, which the label names."""

    source: Cell
    target: Cell
    label: str = ""


@dataclass(slots=True, eq=False)
class Unrolled:
    """The whole picture. `notes` say by row what is shared; `starts` where a layer begins, `ends` where it goes on."""

    cells: list[Cell] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    notes: dict[int, str] = field(default_factory=dict)
    starts: dict[Cell, str] = field(default_factory=dict)
    ends: list[Cell] = field(default_factory=list)


def unrolled(graph: Graph, steps: int) -> Unrolled:
    """The network over its first `steps` steps; a network without recurrent layers is one column."""
    return _Unroller(graph, steps).picture()


class _Unroller:
    def __init__(self, graph: Graph, steps: int) -> None:
        self._graph = graph
        self._steps = steps
        self._found = Unrolled()
        # By value: the axis of time that it lies along, and its cells, one a step or one alone.
        self._time: dict[Value, str] = {}
        self._cells: dict[Value, list[Cell]] = {}
        self._times: dict[str, Times] = {}
        self._sizes: dict[str, Size] = {}

    def picture(self) -> Unrolled:
        self._note_times()
        for row, value in enumerate(self._graph.inputs):
            self._row(row, (value,), "end", value.name, value.name, self._time.get(value), self._reader(value))
        first = len(self._graph.inputs)
        for row, node in enumerate(self._graph.nodes, start=first):
            self._node(row, node)
        self._outputs(first + len(self._graph.nodes))
        return self._found

    # Which axis of time everything lies along

    def _note_times(self) -> None:
        sizes = {str(size) for node in self._graph.nodes if (size := _walked(node)) is not None}
        for value in self._graph.inputs:
            if value.type.shape and str(value.type.shape[0]) in sizes:
                self._time[value] = self._opened(str(value.type.shape[0]), value.type.shape[0])
        for node in self._graph.nodes:
            time = self._time_of(node)
            if time is not None:
                self._time.update((value, time) for value in node.outputs if _is_along(value, self._sizes[time]))

    def _opened(self, time: str, size: Size) -> str:
        if time not in self._times:
            count = min(size, self._steps) if isinstance(size, int) else self._steps
            first = max((each.first + each.count for each in self._times.values()), default=0)
            self._times[time] = Times(first, count, not isinstance(size, int) or size > count)
            self._sizes[time] = size
        return time

    def _time_of(self, node: Node | Region) -> str | None:
        """The axis of time that a layer runs along; None for one that runs once."""
        if isinstance(node, Scan) and not node.is_single and _walked(node) is None:
            return self._opened(node.path, node.steps)
        read = [self._time[value] for value in node.inputs if value in self._time]
        walked = _walked(node)
        if walked is not None and not read:
            return self._opened(str(walked), walked)
        return read[0] if read and (walked is not None or _is_along(node.outputs[0], self._sizes[read[0]])) else None

    # Cells

    def _node(self, row: int, node: Node | Region) -> None:
        time = self._time_of(node)
        family = _family(node)
        cells = self._row(row, node.outputs, family, what_of(node), node.name, time, self._after(node))
        count = params_of(node)
        if count and len(cells) > 1:
            self._found.notes[row] = f"{node.name}: one set of {count:,} weights"
        states = _states(node)
        if states and time is not None:
            self._hand_on(node, cells, ", ".join(states))
        for index, value in enumerate(node.inputs):
            self._connect(value, cells, is_state=_is_state(node, index))

    def _row(
        self, row: int, values: tuple[Value, ...], family: str, title: str, name: str, time: str | None, column: int
    ) -> list[Cell]:
        times = Times(column, 1, False) if time is None else self._times[time]
        cells = [Cell(title, name, family, times.first + t, row, t) for t in range(times.count)]
        if family == "end" and time is not None:
            cells = [Cell(_numbered(title, t + 1), name, family, times.first + t, row, t) for t in range(times.count)]
        self._found.cells += cells
        self._cells.update(dict.fromkeys(values, cells))
        if times.is_open:
            self._found.ends.append(cells[-1])
        return cells

    def _hand_on(self, node: Node | Region, cells: list[Cell], states: str) -> None:
        forward, backward = _directions(node)
        for left, right in pairwise(cells):
            if forward:
                self._found.arrows.append(Arrow(left, right, states))
            if backward:
                self._found.arrows.append(Arrow(right, left, states))
        begins = _begins(node)
        if begins:
            self._found.starts[cells[0] if forward else cells[-1]] = begins

    def _connect(self, value: Value, cells: list[Cell], *, is_state: bool) -> None:
        """Step to step along one axis of time; a state at the first step; what is given whole to all."""
        sources = self._cells[value]
        if len(sources) == len(cells) and sources[0].column == cells[0].column and not is_state:
            self._found.arrows += [Arrow(a, b) for a, b in zip(sources, cells, strict=True)]
        else:
            targets = cells[:1] if is_state else cells
            self._found.arrows += [Arrow(sources[-1], target) for target in targets]

    def _outputs(self, row: int) -> None:
        for name, value in zip(self._graph.output_names, self._graph.outputs, strict=True):
            own = (Value(name, value.type),)
            sources = self._cells[value]
            cells = self._row(row, own, "end", name, name, self._time.get(value), int(sources[-1].column))
            self._connect(value, cells, is_state=False)
            row += 1

    def _reader(self, value: Value) -> int:
        """The column of an input that has no time: that where it is read first."""
        reading = (self._time_of(node) for node in self._graph.nodes if value in node.inputs)
        return next((self._times[time].first for time in reading if time is not None), 0)

    def _after(self, node: Node | Region) -> int:
        """The column of a layer that runs once: the last one of what it reads."""
        return int(max((self._cells[value][-1].column for value in node.inputs), default=0))


def _walked(node: Node | Region) -> Size | None:
    """The size of the axis that a recurrent layer walks along."""
    if isinstance(node, Scan):
        cut = [slot.axis for slot in node.slots if slot.axis is not None]
        return node.steps if cut and not node.is_single else None
    if isinstance(node, Node) and isinstance(node.op, Recurrent) and node.inputs[0].type.rank == 2:
        return node.inputs[0].type.shape[0]
    return None


def _is_along(value: Value, size: Size) -> bool:
    return bool(value.type.shape) and value.type.shape[0] == size


def _states(node: Node | Region) -> list[str]:
    if isinstance(node, Scan):
        return [slot.state for slot in node.states if slot.state is not None]
    return ["h", "c"][: len(node.op.state_sizes())] if isinstance(node, Node) and isinstance(node.op, Recurrent) else []


def _directions(node: Node | Region) -> tuple[bool, bool]:
    if isinstance(node, Scan):
        return not node.reverse, node.reverse
    assert isinstance(node, Node)
    assert isinstance(node.op, Recurrent)
    return True, node.op.bidirectional


def _begins(node: Node | Region) -> str:
    """What the states start at, where no arrow says it."""
    if not isinstance(node, Scan):
        return "0" if len(node.inputs) == 1 else ""
    own = [slot for slot in node.states if not slot.is_given]
    return "" if not own else "learned" if all(slot.start is not None for slot in own) else "0"


def _is_state(node: Node | Region, index: int) -> bool:
    if isinstance(node, Scan):
        read = [slot for slot, _, outside in node.reads() if outside is not None]
        return read[index].state is not None
    return isinstance(node, Node) and isinstance(node.op, Recurrent) and index > 0


def _family(node: Node | Region) -> str:
    if isinstance(node, Scan):
        return "recurrent"
    return "block" if isinstance(node, Region) else type(node.op).__module__.rpartition(".")[2]


def _numbered(name: str, number: int) -> str:
    """`x₃`."""
    return name + str(number).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
