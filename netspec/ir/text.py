"""The canonical text of a graph: one line a node, regions indented. For reading, comparing and golden tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netspec.ir.graph import Graph, Node, Region, Value


def text(graph: Graph) -> str:
    """The graph as text; equal graphs give equal texts."""
    named = zip(graph.output_names, graph.outputs, strict=True)
    outputs = ", ".join(name if name == value.name else f"{name} = {value.name}" for name, value in named)
    lines = [f"graph {graph.name}({_typed(graph.inputs)}) -> ({outputs})"]
    return "\n".join([*lines, *_nodes(graph, "  ")]) + "\n"


def _nodes(graph: Graph, indent: str) -> Iterator[str]:
    for node in graph.nodes:
        reads = ", ".join(value.name for value in node.inputs)
        if isinstance(node, Node):
            attributes = ", ".join(f"{key}={_plain(value)}" for key, value in node.op.attributes().items())
            call = f"{node.op.name}({reads})" + (f" {{{attributes}}}" if attributes else "")
            yield f"{indent}{_typed(node.outputs)} = {call}"
        else:
            yield from _region(node, reads, indent)


def _region(region: Region, reads: str, indent: str) -> Iterator[str]:
    yield f"{indent}region {region.path}({reads}) -> ({_typed(region.outputs)})"
    yield from _nodes(region.body, indent + "  ")


def _typed(values: tuple[Value, ...]) -> str:
    return ", ".join(f"{value.name}: {value.type.dtype}{list(value.type.shape)}" for value in values)


def _plain(value: Any) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)
