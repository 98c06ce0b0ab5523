"""The network that is deployed: without what exists while training only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from netspec.ir import Graph, Input, Node, Region, Scan, Value


def deployed(graph: Graph) -> Graph:
    """Remove heads and inputs of training only, and what depends on them; "pass" nodes give their first input.

    Outputs that depend on such go, with their names; regions lose the inputs and outputs that do. A region all of
    whose outputs do is removed.

    Requires: a verified graph. Ensures: a verified graph that computes what the network computes in evaluation; what
    stays keeps its path. A graph in which everything is always there is given back as it is.
    """
    nodes: list[Node | Region] = [*graph.walk(), *graph.regions()]
    if all(node.presence == "always" for node in nodes) and not _training_inputs(graph):
        return graph
    gone = training_values(graph)
    body = _without(graph, gone)
    kept = [i for i, value in enumerate(graph.outputs) if value not in gone]
    names = tuple(graph.output_names[i] for i in kept) if graph.output_names else ()
    return replace(body, output_names=names)


def training_values(graph: Graph) -> set[Value]:
    """The values that exist in training only: inputs, what heads make, what reads those, here and inside regions.

    Inside a region that is run in training only as a whole, only those that its own heads make are among them.
    """
    found = _training_inputs(graph)
    _collect(graph, found)
    return found


def _training_inputs(graph: Graph) -> set[Value]:
    return {value for value in graph.inputs if isinstance(value, Input) and value.only_train}


def runs_in_training_only(node: Node | Region, training: set[Value]) -> bool:
    """Whether the evaluated network has no use for the node."""
    return node.presence == "head" or (bool(node.outputs) and training.issuperset(node.outputs))


def _collect(graph: Graph, found: set[Value]) -> None:
    for node in graph.nodes:
        if isinstance(node, Region):
            _collect_region(node, found)
        if node.presence == "head" or not found.isdisjoint(_needed(node)):
            found.update(node.outputs)


def _needed(node: Node | Region) -> Iterable[Value]:
    """The inputs without which the evaluated network cannot have the outputs, as far as the node itself tells."""
    if node.presence == "pass":
        return node.inputs[:1]
    return () if isinstance(node, Region) else node.inputs


def _collect_region(region: Region, found: set[Value]) -> None:
    inside = set() if region.presence == "head" else {inner for inner, outer in region.entries() if outer in found}
    _collect(region.body, inside)
    outputs = [outer for inner, outer in region.exits() if inner in inside]
    if region.presence != "pass":
        found.update(outputs)
    if runs_in_training_only(region, found):
        inside = set()
        _collect(region.body, inside)
    found.update(inside)


def _without(graph: Graph, gone: set[Value]) -> Graph:
    stands_for: dict[Value, Value] = {}
    kept: list[Node | Region] = []
    for node in graph.nodes:
        if runs_in_training_only(node, gone):
            continue
        if node.presence == "pass":
            first = stands_for.get(node.inputs[0], node.inputs[0])
            stands_for.update((value, first) for value in node.outputs)
            continue
        inputs = tuple(stands_for.get(value, value) for value in node.inputs)
        kept.append(_smaller(node, inputs, gone) if isinstance(node, Region) else replace(node, inputs=inputs))
    outputs = tuple(stands_for.get(value, value) for value in graph.outputs if value not in gone)
    inputs = tuple(value for value in graph.inputs if value not in gone)
    return replace(graph, inputs=inputs, nodes=tuple(kept), outputs=outputs)


def _smaller(region: Region, inputs: tuple[Value, ...], gone: set[Value]) -> Region:
    kept = tuple(value for value in inputs if value not in gone)
    outputs = tuple(value for value in region.outputs if value not in gone)
    words = tuple((word, value) for word, value in region.words if value not in gone)
    smaller = replace(region, body=_without(region.body, gone), inputs=kept, outputs=outputs, words=words)
    if not isinstance(smaller, Scan) or not isinstance(region, Scan):
        return smaller
    return replace(smaller, slots=tuple(slot for slot, inside, _ in region.reads() if inside not in gone))
