"""Recurrent states as inputs and outputs of the network, so that a sequence can be run in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from netspec.ir import Graph, Node, Region, Scan, Slot, Value
from netspec.ir.graph import MARK
from netspec.ops.base import Op


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class State:
    """A recurrent state: the input that it starts at, and the output that it ends at."""

    start: Value
    end: Value


def carried(graph: Graph) -> tuple[Graph, tuple[State, ...]]:
    """Give every recurrent layer that starts at zero its states as inputs of the network, and take them out again.

    Requires: a verified graph. Ensures: a verified graph that computes the same where the new inputs, behind the
    others, are zero; its new outputs stand behind the others too.
    """
    rewritten, slots = _rewritten(graph)
    names = (*graph.output_names, *(slot.end.name for slot in slots)) if graph.output_names else ()
    return replace(rewritten, output_names=names), tuple(slots)


def recurrent(graph: Graph) -> Iterator[Node | Scan]:
    """The layers whose states are carried; what stands in the cell of a scan is run once a step, and has none."""
    for node in graph.nodes:
        if isinstance(node, Scan):
            if not node.is_single and any(not slot.is_given for slot in node.states):
                yield node
        elif isinstance(node, Region):
            yield from recurrent(node.body)
        elif _states(node):
            yield node


def _rewritten(graph: Graph) -> tuple[Graph, list[State]]:
    nodes: list[Node | Region] = []
    slots: list[State] = []
    for node in graph.nodes:
        changed, own = _region(node) if isinstance(node, Region) else _node(node)
        nodes.append(changed)
        slots += own
    inputs = (*graph.inputs, *(slot.start for slot in slots))
    outputs = (*graph.outputs, *(slot.end for slot in slots))
    return replace(graph, inputs=inputs, nodes=tuple(nodes), outputs=outputs), slots


def _node(node: Node) -> tuple[Node, list[State]]:
    ends = [node.outputs[index] for index in _states(node)]
    slots = [State(Value(f"{end.name}{MARK}start", end.type), end) for end in ends]
    return replace(node, inputs=(*node.inputs, *(slot.start for slot in slots))), slots


def _states(node: Node) -> tuple[int, ...]:
    assert isinstance(node.op, Op)
    return node.op.carried(*(value.type for value in node.inputs))


def _region(region: Region) -> tuple[Region, list[State]]:
    if isinstance(region, Scan):
        return _scan(region) if not region.is_single else (region, [])
    body, inside = _rewritten(region.body)
    slots = [State(Value(each.start.name, each.start.type), Value(each.end.name, each.end.type)) for each in inside]
    inputs = (*region.inputs, *(slot.start for slot in slots))
    return replace(region, body=body, inputs=inputs, outputs=(*region.outputs, *(slot.end for slot in slots))), slots


def _scan(scan: Scan) -> tuple[Scan, list[State]]:
    """The states that start at zero are given; the final ones stand behind what is emitted."""
    finals = iter(scan.outputs[len(scan.outputs) - len(scan.states) :])
    slots: list[Slot] = []
    inputs: list[Value] = []
    states: list[State] = []
    for slot, inside, outside in scan.reads():
        end = next(finals) if slot.state is not None else None
        if end is not None and outside is None and slot.start is None:
            outside = Value(f"{end.name}{MARK}start", inside.type)
            states.append(State(outside, end))
            slot = replace(slot, is_given=True)
        slots.append(slot)
        inputs += [outside] if outside is not None else []
    return replace(scan, slots=tuple(slots), inputs=tuple(inputs)), states
