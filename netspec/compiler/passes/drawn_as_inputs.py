"""What layers draw (`randn_like`) becomes inputs: an exported model is a function of what it is given."""

from __future__ import annotations

from dataclasses import replace

from netspec.ir import Graph, Input, Node, Region, Scan, Slot, Value
from netspec.ops.base import Op


def drawn_as_inputs(graph: Graph) -> Graph:
    """Make an input, after the others, of every value that is drawn; it has the layer's path as its name.

    Requires: a verified graph. Ensures: a verified graph without random layers, of the same state-dict keys. One
    without any is given back as it is.
    """
    return _lifted(graph)


def _lifted(graph: Graph) -> Graph:
    drawn: dict[Value, Value] = {}
    more: list[Value] = []
    nodes: list[Node | Region] = []
    for node in graph.nodes:
        distribution = node.op.draws if isinstance(node, Node) and isinstance(node.op, Op) else None
        if distribution is not None:
            [value] = node.outputs
            drawn[value] = Input(node.path, value.type, sample=distribution)
            more.append(drawn[value])
        elif isinstance(node, Region) and (body := _lifted(node.body)) is not node.body:
            inner = body.inputs[len(node.body.inputs) :]
            outer = tuple(_outside(value, node) for value in inner)
            more.extend(outer)
            lifted = replace(node, body=body, inputs=(*_renamed(node.inputs, drawn), *outer))
            if isinstance(lifted, Scan):
                slot = Slot(axis=None if lifted.is_single else 1)
                lifted = replace(lifted, slots=(*lifted.slots, *[slot] * len(inner)))
            nodes.append(lifted)
        else:
            nodes.append(replace(node, inputs=_renamed(node.inputs, drawn)))
    if not more:
        return graph
    outputs = _renamed(graph.outputs, drawn)
    return replace(graph, inputs=(*graph.inputs, *more), nodes=tuple(nodes), outputs=outputs)


def _outside(value: Value, region: Region) -> Input:
    """The input outside of a region; of a scan that draws at every step, one for each."""
    assert isinstance(value, Input)
    steps = (region.steps,) if isinstance(region, Scan) and not region.is_single else ()
    return Input(value.name, value.type.with_shape(*steps, *value.type.shape), sample=value.sample)


def _renamed(values: tuple[Value, ...], names: dict[Value, Value]) -> tuple[Value, ...]:
    return tuple(names.get(value, value) for value in values)
