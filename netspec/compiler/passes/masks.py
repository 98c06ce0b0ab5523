"""Padding without influence: masks as nodes of the graph, so that both backends stay plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from netspec.ir import Graph, Node, Region, Scan, Size, Slot, Value, symbols_of
from netspec.ir.graph import MARK
from netspec.ops.base import Masked, Op
from netspec.ops.padding import mixed_axes, zero


def masked(graph: Graph) -> Graph:
    """Put in what keeps padding along axes with lengths without influence.

    The inputs' padding becomes zero. Where a layer reads several positions of such an axis, what it reads is filled
    (by `where`, never a product: 0 * NaN) with what `Op.filler` says, and where it divides or takes logarithms with
    numbers that are there; where that does not suffice, the op that
    `Op.masked` gives reads lengths or masks too. Both are made in the region that needs them, from lengths outside.

    Requires: a verified graph. Ensures: a verified graph of the same inputs, outputs, parameters and paths, whose valid
    positions do not depend on what padding holds. A graph without lengths is given back as it is.
    """
    if not graph.lengths:
        return graph
    ended = frozenset(scan.owner or scan.path for scan in graph.regions() if isinstance(scan, Scan) and _is_ended(scan))
    body = _Body(graph, graph.lengths, ended)
    for value in graph.inputs:
        if value.type.valid:
            body.stands_for[value] = body.filled(value, zero(value.type.dtype), value.type.valid)
    return body.rewritten()


@dataclass(slots=True, eq=False, repr=False)
class _Body:
    """A graph that is written anew, inside of another one or not."""

    graph: Graph
    lengths: Mapping[str, Value]
    # The scans, by path, some call of which ends at lengths.
    ended: frozenset[str]
    outer: _Body | None = None
    nodes: list[Node | Region] = field(default_factory=list)
    # What is read in the place of a value.
    stands_for: dict[Value, Value] = field(default_factory=dict)
    # Lengths that come from outside: the value there, and here.
    captured: dict[Value, Value] = field(default_factory=dict)
    made: dict[object, Value] = field(default_factory=dict)
    # Values that hold that filler along these axes already.
    holds: set[tuple[Value, float | None, frozenset[int]]] = field(default_factory=set)

    def rewritten(self) -> Graph:
        """The graph with masks."""
        for node in self.graph.nodes:
            self.nodes.append(self._region(node) if isinstance(node, Region) else self._node(node))
        inputs = (*self.graph.inputs, *self.captured.values())
        return replace(self.graph, inputs=inputs, nodes=tuple(self.nodes))

    def filled(self, value: Value, filler: float | None, axes: frozenset[int]) -> Value:
        """The value with padding along some axes filled; without a filler by what stands at the first position."""
        key = (value, filler, axes)
        if key in self.holds:
            return value
        if key not in self.made:
            ordered = tuple(sorted(axes))
            masks = [self._mask(value, axis) for axis in ordered]
            found = self.made[key] = self._make(
                f"{_name(value)}{MARK}padded", _op("Fill", value=filler, axes=ordered), value, *masks
            )
            self.holds.add((found, filler, axes))
        return self.made[key]

    def _region(self, region: Region) -> Region:
        inner = _Body(region.body, {}, self.ended, self)
        if isinstance(region, Scan):
            return self._scan(region, inner)
        body = inner.rewritten()
        inputs = tuple(self.stands_for.get(value, value) for value in region.inputs)
        return replace(region, body=body, inputs=(*inputs, *inner.captured))

    def _scan(self, scan: Scan, inner: _Body) -> Scan:
        """States stay as they are where a sample is over; backward they so begin at its last step."""
        body, fused = inner.rewritten(), scan.fused
        reads = [(slot, inside, self._read(slot, outside)) for slot, inside, outside in scan.reads()]
        reads += [(Slot(), inside, outside) for outside, inside in inner.captured.items()]
        if (scan.owner or scan.path) in self.ended:
            slot, value = self._steps_mask(scan)
            own = Value(f"{value.name}_t", replace(value.type, shape=()))
            if fused is not None and slot.axis is not None:
                fused = replace(fused, mask=len(reads))
            reads.append((slot, own, value))
            body = inner.held(body, scan, own)
        inputs = tuple(outside for _, _, outside in reads if outside is not None)
        body = replace(body, inputs=tuple(inside for _, inside, _ in reads))
        return replace(scan, body=body, inputs=inputs, slots=tuple(slot for slot, _, _ in reads), fused=fused)

    def held(self, body: Graph, scan: Scan, mask: Value) -> Graph:
        """The body of a scan, whose next states are those of the step before where the mask is false."""
        old = [inside for slot, inside, _ in scan.reads() if slot.state is not None]
        states = [slot.state for slot in scan.states]
        # Of a single step the outputs are what the cell gives, by name; of a loop the states, then what is emitted.
        names = [name for name, _ in scan.ends] if scan.is_single else states
        held: dict[Value, Value] = {}
        new = list(body.outputs)
        for index, name in enumerate(names[: len(new)]):
            if name in states:
                before = old[states.index(name)]
                value = self._make(f"{_name(before)}{MARK}held", _op("Hold"), mask, new[index], before)
                held.setdefault(new[index], value)
                new[index] = value
        return replace(body, nodes=tuple(self.nodes), outputs=tuple(held.get(value, value) for value in new))

    def _read(self, slot: Slot, outside: Value | None) -> Value | None:
        """What a scan reads; a sequence with lengths is zero beyond them, so that no step sees what is no number."""
        value = None if outside is None else self.stands_for.get(outside, outside)
        if value is None or slot.axis is None or slot.axis not in value.type.valid:
            return value
        return self.filled(value, zero(value.type.dtype), frozenset({slot.axis}))

    def _steps_mask(self, scan: Scan) -> tuple[Slot, Value]:
        """Which steps are a sample's own; all, where it is run on what has no lengths."""
        for slot, _, outside in scan.reads():
            if outside is not None and slot.axis is not None and slot.axis in outside.type.valid:
                return Slot(axis=1), self._mask(outside, slot.axis)
        like = next(value for value in scan.inputs if value.type.batched)
        return Slot(), self._make(f"always{MARK}", _op("Always"), self.stands_for.get(like, like))

    def _node(self, node: Node) -> Node:
        reads = [self.stands_for.get(value, value) for value in node.inputs]
        types = [value.type for value in reads]
        if not any(each.valid for each in types):
            return replace(node, inputs=tuple(reads))
        assert isinstance(node.op, Op)
        found = node.op.masked(*types)
        rank = node.outputs[0].type.rank
        for port, value in enumerate(reads if found is None or found.fill else ()):
            axes = mixed_axes(node.op, port, types, rank)
            filler = node.op.filler(port, *types)
            if axes and filler is not None:
                reads[port] = self.filled(value, filler, axes)
            elif node.op.steep and value.type.valid:
                reads[port] = self.filled(value, None, value.type.valid)
        return replace(node, inputs=tuple(reads)) if found is None else self._replaced(node, found, reads)

    def _replaced(self, node: Node, found: Masked, reads: Sequence[Value]) -> Node:
        lengths = [self._length(reads[port].type.shape[axis - 1]) for port, axis in found.lengths]
        masks = [self._mask(reads[port], axis) for port, axis in found.masks]
        return replace(node, op=found.op, inputs=(*reads, *lengths, *masks))

    def _mask(self, like: Value, axis: int) -> Value:
        size = like.type.shape[axis - 1]
        key = ("mask", size)
        if key not in self.made:
            self.made[key] = self._make(f"mask{MARK}", _op("MaskOf", axis=axis), self._length(size), like)
        return self.made[key]

    def _length(self, size: Size) -> Value:
        """The lengths along an axis of that size."""
        symbols = sorted(symbols_of(size), key=lambda each: each.name)
        read = [self._length_of_symbol(each.name) for each in symbols]
        if size == symbols[0].size:
            return read[0]
        key = ("length", size)
        if key not in self.made:
            op = _op("LengthOf", size=size, symbols=tuple(each.name for each in symbols))
            self.made[key] = self._make(f"length{MARK}", op, *read)
        return self.made[key]

    def _length_of_symbol(self, name: str) -> Value:
        if self.outer is None:
            return self.lengths[name]
        outside = self.outer._length_of_symbol(name)
        return self.captured.setdefault(outside, Value(outside.name, outside.type))

    def _make(self, name: str, op: Op, *reads: Value) -> Value:
        prefix = f"{self.graph.name}." if self.outer is not None else ""
        taken = {node.path for node in self.nodes}
        path, number = prefix + name, 1
        while path in taken or path.endswith(MARK):
            path, number = f"{prefix}{name}{number}", number + 1
        [type] = op.infer_all(*(value.type for value in reads))
        value = Value(path, type)
        self.nodes.append(Node(path, op, reads, (value,)))
        return value


def _is_ended(scan: Scan) -> bool:
    """Whether it walks along an axis with lengths."""
    read = ((slot.axis, outside) for slot, _, outside in scan.reads())
    return any(outside is not None and axis in outside.type.valid for axis, outside in read)


def _name(value: Value) -> str:
    return value.name.rpartition(".")[2]


def _op(kind: str, **attributes: object) -> Op:
    from netspec.ops import masked as ops  # most networks have no lengths, and need none of these

    made: Op = getattr(ops, kind).model_construct(**attributes)
    return made
