"""Recurrent states as inputs and outputs of the network, so that a sequence can be run in chunks."""

from __future__ import annotations

from dataclasses import dataclass, replace

from netspec.ir import Graph, Node, Region, Value
from netspec.ir.graph import MARK
from netspec.ops.base import Op


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Slot:
    """A state: the input that it starts at, and the output that it ends at."""

    start: Value
    end: Value


def carried(graph: Graph) -> tuple[Graph, tuple[Slot, ...]]:
    """Give every recurrent layer that starts at zero its states as inputs of the network, and take them out again.

    Requires: a verified graph. Ensures: a verified graph that computes the same where the new inputs, behind the
    others, are zero; its new outputs stand behind the others too.
    """
    rewritten, slots = _rewritten(graph)
    names = (*graph.output_names, *(slot.end.name for slot in slots)) if graph.output_names else ()
    return replace(rewritten, output_names=names), tuple(slots)


def recurrent(graph: Graph) -> list[Node]:
    """The layers whose states are carried."""
    return [node for node in graph.walk() if _states(node)]


def _rewritten(graph: Graph) -> tuple[Graph, list[Slot]]:
    nodes: list[Node | Region] = []
    slots: list[Slot] = []
    for node in graph.nodes:
        changed, own = _region(node) if isinstance(node, Region) else _node(node)
        nodes.append(changed)
        slots += own
    inputs = (*graph.inputs, *(slot.start for slot in slots))
    outputs = (*graph.outputs, *(slot.end for slot in slots))
    return replace(graph, inputs=inputs, nodes=tuple(nodes), outputs=outputs), slots


def _node(node: Node) -> tuple[Node, list[Slot]]:
    ends = [node.outputs[index] for index in _states(node)]
    slots = [Slot(Value(f"{end.name}{MARK}start", end.type), end) for end in ends]
    return replace(node, inputs=(*node.inputs, *(slot.start for slot in slots))), slots


def _states(node: Node) -> tuple[int, ...]:
    assert isinstance(node.op, Op)
    return node.op.carried(*(value.type for value in node.inputs))


def _region(region: Region) -> tuple[Region, list[Slot]]:
    body, inside = _rewritten(region.body)
    slots = [Slot(Value(each.start.name, each.start.type), Value(each.end.name, each.end.type)) for each in inside]
    inputs = (*region.inputs, *(slot.start for slot in slots))
    return replace(region, body=body, inputs=inputs, outputs=(*region.outputs, *(slot.end for slot in slots))), slots
