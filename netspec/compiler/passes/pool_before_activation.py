"""max_pool(f(x)) -> f(max_pool(x)) for a monotone elementwise f: the same values, f on a fraction of the elements."""

from __future__ import annotations

from dataclasses import replace

from netspec.ir import Graph, Node, Region, Value
from netspec.ops.base import Op
from netspec.ops.pool import MaxPool


def pool_before_activation(graph: Graph) -> Graph:
    """Swap an activation and the max-pool that is its only reader, here and in all regions.

    A monotone f commutes with the maximum of any non-empty set: f(max S) = max f(S). A window of torch's max-pool is
    never empty and its padding is minus infinity, which is never the maximum, so padding changes nothing. Where
    several elements tie for the maximum of f, the gradient may go to another of them; for relu it is zero there, so
    it is the same.

    Requires: a verified graph. Ensures: a verified graph with the same inputs, outputs and parameters; both nodes
    keep their paths, the activation now stands behind the pool.
    """
    nodes = [_inside(node) for node in graph.nodes]
    readers = _readers(nodes, graph.outputs)
    for index, node in enumerate(nodes):
        if not (isinstance(node, Node) and _is_monotone(node)) or len(readers[node.outputs[0]]) != 1:
            continue
        pool = readers[node.outputs[0]][0]
        if isinstance(pool, Node) and isinstance(pool.op, MaxPool) and pool.presence == "always":
            _swap(nodes, index, nodes.index(pool))
            readers = _readers(nodes, graph.outputs)
    return replace(graph, nodes=tuple(nodes))


def _inside(node: Node | Region) -> Node | Region:
    return replace(node, body=pool_before_activation(node.body)) if isinstance(node, Region) else node


def _is_monotone(node: Node) -> bool:
    return isinstance(node.op, Op) and node.op.monotone and node.presence == "always"


def _readers(nodes: list[Node | Region], outputs: tuple[Value, ...]) -> dict[Value, list[Node | Region | None]]:
    """The nodes that read each value; None stands for the graph's outputs."""
    found: dict[Value, list[Node | Region | None]] = {value: [] for node in nodes for value in node.outputs}
    for node in nodes:
        for value in node.inputs:
            found.setdefault(value, []).append(node)
    for value in outputs:
        found.setdefault(value, []).append(None)
    return found


def _swap(nodes: list[Node | Region], first: int, second: int) -> None:
    """The activation takes the pool's place and its output value, so that readers stay as they are."""
    activation, pool = nodes[first], nodes[second]
    assert isinstance(activation, Node)
    assert isinstance(pool, Node)
    source, result = activation.inputs[0], pool.outputs[0]
    between = Value(activation.outputs[0].name, pool.op.infer_all(source.type)[0])
    nodes[second] = replace(activation, inputs=(between,), outputs=(result,))
    nodes[first] = replace(pool, inputs=(source,), outputs=(between,))
