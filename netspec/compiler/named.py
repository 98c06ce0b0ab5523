"""The values of a network by the names that specs have for them: module paths, and outputs of what has several."""

from __future__ import annotations

from netspec.compiler.analyses import op_of
from netspec.ir import Graph, Node, Region, Value


def named_values(graph: Graph) -> dict[str, Value]:
    """Values by name: `encoder.fc`, `halves.1`, `cell.h`; a layer of several outputs stands for its first.

    What is inside of a block has a path too, unless that is the block's word for one of its outputs.
    """
    found: dict[str, Value] = {}
    for node in graph.nodes:
        if isinstance(node, Region):
            found |= named_values(node.body)
    for node in graph.nodes:
        path = node.layer if isinstance(node, Node) else node.path
        found |= {f"{path}.{word}": value for word, value in _words(node)}
        if node.outputs:
            found[path] = node.outputs[0]
    return found


def _words(node: Node | Region) -> tuple[tuple[str, Value], ...]:
    if isinstance(node, Region):
        return node.words
    names = op_of(node).output_names or tuple(map(str, range(len(node.outputs))))
    return tuple(zip(names, node.outputs, strict=False)) if len(node.outputs) > 1 else ()
