"""Values from inside of groups and blocks, made outputs of the network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from netspec.ir import Graph, Node, Region, Scan, Value


def expose(graph: Graph, values: Iterable[Value]) -> tuple[Graph, dict[Value, Value]]:
    """Give every region that makes one of the values an output more.

    A region that is called again gets the same outputs at each call, since both are one module.

    Requires: a verified graph. Ensures: a verified graph of the same outputs, in which each of the values is known
    outside of all regions, under the value that it is mapped to. A value that is known outside stands for itself.
    """
    wanted = dict.fromkeys(values)
    inside = {value for region in graph.regions() for node in region.body.nodes for value in node.outputs}
    hidden = [value for value in wanted if value in inside]
    if not hidden:
        return graph, {value: value for value in wanted}
    body, found = _exposed(graph, set(_with_calls(graph, hidden)))
    return body, {value: found.get(value, value) for value in wanted}


def _with_calls(graph: Graph, values: list[Value]) -> Iterator[Value]:
    """The values, and what makes the same in other calls of the layers that make them."""
    makers = {value: node for node in _all(graph) for value in node.outputs}
    keys = {(_owner(makers[value]), makers[value].outputs.index(value)) for value in values}
    for node in _all(graph):
        yield from (value for index, value in enumerate(node.outputs) if (_owner(node), index) in keys)


def _all(graph: Graph) -> Iterator[Node | Region]:
    yield from graph.walk()
    yield from graph.regions()


def _owner(node: Node | Region) -> str:
    return node.owner or node.path


def _exposed(graph: Graph, wanted: set[Value]) -> tuple[Graph, dict[Value, Value]]:
    """The graph with outputs added to its regions, and what the wanted values are called at its own level."""
    known: dict[Value, Value] = {}
    nodes: list[Node | Region] = []
    for node in graph.nodes:
        if isinstance(node, Region):
            node, found = _region(node, wanted)
            known |= found
        known |= {value: value for value in node.outputs if value in wanted}
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes)), known


def _region(region: Region, wanted: set[Value]) -> tuple[Region, dict[Value, Value]]:
    if isinstance(region, Scan):
        return _scan(region, wanted)
    body, inner = _exposed(region.body, wanted)
    outputs, results, known = list(region.outputs), list(body.outputs), {}
    for value, here in inner.items():
        if here not in results:
            results.append(here)
            outputs.append(Value(value.name, value.type))
        known[value] = outputs[results.index(here)]
    if len(outputs) == len(region.outputs):
        return replace(region, body=body), known
    return replace(region, body=replace(body, outputs=tuple(results)), outputs=tuple(outputs)), known


def _scan(scan: Scan, wanted: set[Value]) -> tuple[Region, dict[Value, Value]]:
    """What is wanted of every step is emitted, behind what is emitted already."""
    body, inner = _exposed(scan.body, wanted)
    if not inner:
        return scan, {}
    count = 0 if scan.is_single else len(scan.states)
    emitted, finals = scan.outputs[: len(scan.outputs) - count], scan.outputs[len(scan.outputs) - count :]
    steps = () if scan.is_single else (scan.steps,)
    known = {value: Value(value.name, value.type.with_shape(*steps, *value.type.shape)) for value in inner}
    whole = replace(body, outputs=(*body.outputs, *inner.values()))
    return replace(scan, body=whole, outputs=(*emitted, *known.values(), *finals)), known
