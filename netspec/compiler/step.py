"""One step of a network along an axis: its recurrent layers cut open there, their states inputs and outputs.

The step graph has the network's inputs with that axis of size 1. Run once a position with the states that it gave the
time before, it gives what the whole network gives there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from netspec.ir import Graph, Input, Node, Region, Scan, TensorType, Value, symbols_of
from netspec.ir.graph import MARK
from netspec.ops.base import Op, OpError
from netspec.ops.reads import Pointwise
from netspec.ops.recurrent import Recurrent


class LooksAhead(Exception):
    """A layer needs more than the positions so far, so the network has no step."""

    def __init__(self, node: Node | Region, message: str) -> None:
        super().__init__(f"`{node.path}` {message}")
        self.node = node


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class StepState:
    """A state: the input of the step graph that it is, the name of the output that it becomes, and how it starts.

    `start` is a value of the whole network, or `learned` the state-dict key of its first value; else it is zero.
    """

    input: Value
    output: str
    start: Value | None = None
    learned: str | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class OneStep:
    """The graph of one step; its inputs and outputs are the network's, then those of the states, in order."""

    graph: Graph
    states: tuple[StepState, ...]


def one_step(graph: Graph, symbol: str) -> OneStep:
    """The step of a network along the axis of a symbol.

    Requires: a verified graph. Ensures: a verified graph whose parameters are among the network's, under the same keys.
    What stands before the recurrence and does not depend on the axis, and what states start at, is left out.

    Raises:
        LooksAhead: a layer reads other positions of the axis than its own, or runs backward along it.
    """
    cutter = _Cutter(symbol)
    inputs = {value: cutter.input(value) for value in graph.inputs}
    outer = _Chain(cutter, dict(inputs))
    for node in graph.nodes:
        outer.add(node)
    outputs = (*(outer.known[value] for value in graph.outputs), *(end for _, end in outer.states))
    names = tuple(f"{start.name.removesuffix(MARK + 'start')}{MARK}next" for start, _ in outer.states)
    found = replace(
        graph, inputs=(*inputs.values(), *(start for start, _ in outer.states)), nodes=tuple(outer.nodes),
        outputs=outputs, output_names=(*graph.output_names, *names), lengths={},
    )  # fmt: skip
    states = zip(outer.states, names, cutter.starts, strict=True)
    made = tuple(StepState(start, name, *begin) for (start, _), name, begin in states)
    return OneStep(_pruned(found), made)


@dataclass(slots=True, eq=False, repr=False)
class _Cutter:
    symbol: str
    # How each state starts, in the order of the states.
    starts: list[tuple[Value | None, str | None]] = field(default_factory=list)

    def depends(self, type: TensorType) -> list[int]:
        """The axes, from 1, whose size depends on the symbol."""
        sizes = enumerate(type.shape, start=1)
        return [axis for axis, size in sizes if self.symbol in {each.name for each in symbols_of(size)}]

    def one(self, type: TensorType) -> TensorType:
        """The type with those axes of size 1."""
        axes = self.depends(type)
        sizes = [1 if axis in axes else size for axis, size in enumerate(type.shape, start=1)]
        return replace(type.with_shape(*sizes), valid=frozenset(type.valid - set(axes)))

    def input(self, value: Value) -> Value:
        """An input of the network, one position of it."""
        return replace(value, type=self.one(value.type)) if isinstance(value, Input) else self.value(value)

    def value(self, value: Value) -> Value:
        """The same value, one position of it."""
        return Value(value.name, self.one(value.type))


@dataclass(slots=True, eq=False, repr=False)
class _Chain:
    """A graph that is written anew: what its values are in the step, and the states that its layers have."""

    cutter: _Cutter
    known: dict[Value, Value]
    nodes: list[Node | Region] = field(default_factory=list)
    # The value that each starts at, an input here, and the one that it ends at.
    states: list[tuple[Value, Value]] = field(default_factory=list)

    def add(self, node: Node | Region) -> None:
        """Write one layer."""
        if isinstance(node, Scan):
            self._scan(node)
        elif isinstance(node, Region):
            self._region(node)
        elif isinstance(node.op, Recurrent) and self.cutter.depends(node.inputs[0].type):
            self._recurrent(node, node.op)
        else:
            self._op(node)

    def _op(self, node: Node) -> None:
        assert isinstance(node.op, Op)
        types = [value.type for value in node.inputs]
        cut = [port for port, type in enumerate(types) if self.cutter.depends(type)]
        for port in cut:
            if not all(self._is_pointwise(node, node.op, port, types, output.type) for output in node.outputs):
                raise LooksAhead(node, f"reads more than one position along `{self.cutter.symbol}`")
        if not cut and any(self.cutter.depends(value.type) for value in node.outputs):
            raise LooksAhead(node, f"makes every position along `{self.cutter.symbol}` at once")
        self._made(node, tuple(self.known[value] for value in node.inputs))

    def _is_pointwise(self, node: Node, op: Op, port: int, types: Sequence[TensorType], output: TensorType) -> bool:
        """Whether each position of the output reads its own position of that input, and nothing else is lost."""
        read = {
            source
            for axis in self.cutter.depends(output)
            for pattern, source in [op.reads_of(port, axis, *types)]
            if isinstance(pattern, Pointwise)
        }
        return read == {*self.cutter.depends(types[port])}

    def _made(self, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        try:
            types = node.op.infer_all(*(value.type for value in inputs))
        except OpError as error:
            raise LooksAhead(node, f"cannot be applied to one position: {error}") from None
        outputs = tuple(Value(value.name, type) for value, type in zip(node.outputs, types, strict=True))
        self.nodes.append(replace(node, inputs=inputs, outputs=outputs))
        self.known.update(zip(node.outputs, outputs, strict=True))
        return outputs

    def _recurrent(self, node: Node, op: Recurrent) -> None:
        if op.bidirectional:
            raise LooksAhead(node, f"runs backward along `{self.cutter.symbol}`")
        given = node.inputs[1:] or (None,) * len(op.state_sizes())
        ends = node.outputs[1 : 1 + len(given)]
        starts = tuple(Value(f"{end.name}{MARK}start", end.type) for end in ends)
        made = self._made(node, (self.known[node.inputs[0]], *starts))
        self.states += zip(starts, made[1 : 1 + len(given)], strict=True)
        self.cutter.starts += [(value, None) for value in given]

    def _scan(self, scan: Scan) -> None:
        cut = [slot for slot, _, outside in scan.reads() if outside is not None and self.cutter.depends(outside.type)]
        if not cut:
            outputs = {value: self.cutter.value(value) for value in scan.outputs}
            inputs = tuple(self.known[value] for value in scan.inputs)
            self.nodes.append(replace(scan, inputs=inputs, outputs=tuple(outputs.values()), words=()))
            self.known |= outputs
            return
        if scan.reverse or any(slot.axis is None for slot in cut) or self.cutter.depends(_inside(scan)):
            raise LooksAhead(scan, f"reads more than the steps so far along `{self.cutter.symbol}`")
        self._one(scan)

    def _one(self, scan: Scan) -> None:
        """A scan of one step, whose states are given."""
        outputs = [self.cutter.value(value) for value in scan.outputs]
        ends = iter(outputs[len(outputs) - len(scan.states) :])
        slots, inputs = [], []
        for slot, inside, outside in scan.reads():
            if slot.state is None:
                assert outside is not None
                inputs.append(self.known[outside])
            else:
                end = next(ends)
                inputs.append(Value(f"{scan.path}.{slot.state}{MARK}start", inside.type))
                self.states.append((inputs[-1], end))
                learned = slot.start.key("") if slot.start is not None else None
                self.cutter.starts.append((outside, learned))
                slot = replace(slot, is_given=True, start=None)
            slots.append(slot)
        self.nodes.append(
            replace(scan, inputs=tuple(inputs), outputs=tuple(outputs), slots=tuple(slots), steps=1, words=())
        )
        self.known.update(zip(scan.outputs, outputs, strict=True))

    def _region(self, region: Region) -> None:
        inside = {inner: Value(inner.name, self.known[outer].type) for inner, outer in region.entries()}
        inner = _Chain(self.cutter, dict(inside))
        for node in region.body.nodes:
            inner.add(node)
        starts = [(Value(start.name, start.type), start) for start, _ in inner.states]
        ends = [(Value(end.name, end.type), end) for _, end in inner.states]
        results = [inner.known[value] for value in region.body.outputs]
        outputs = [Value(value.name, result.type) for value, result in zip(region.outputs, results, strict=True)]
        body = replace(
            region.body, inputs=(*inside.values(), *(own for _, own in starts)), nodes=tuple(inner.nodes),
            outputs=(*results, *(own for _, own in ends)),
        )  # fmt: skip
        inputs = (*(self.known[value] for value in region.inputs), *(outer for outer, _ in starts))
        every = (*outputs, *(outer for outer, _ in ends))
        self.nodes.append(replace(region, body=body, inputs=inputs, outputs=every, words=()))
        self.known.update(zip(region.outputs, outputs, strict=True))
        self.states += [(start, end) for (start, _), (end, _) in zip(starts, ends, strict=True)]


def _inside(scan: Scan) -> TensorType:
    """All sizes of the values in a scan's body, in a row."""
    values = [*scan.body.inputs, *(value for node in scan.body.walk() for value in node.outputs)]
    return TensorType(tuple(size for value in values for size in value.type.shape))


def _pruned(graph: Graph) -> Graph:
    """Without the layers, and the inputs, that no output depends on."""
    wanted = {*graph.outputs}
    kept: list[Node | Region] = []
    for node in reversed(graph.nodes):
        if not wanted.isdisjoint(node.outputs):
            kept.append(node)
            wanted.update(node.inputs)
    inputs = tuple(value for value in graph.inputs if value in wanted)
    return replace(graph, inputs=inputs, nodes=tuple(kept[::-1]))
