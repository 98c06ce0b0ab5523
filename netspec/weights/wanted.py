"""The parameters and buffers of a network by state-dict key, each once, however often it is used."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from netspec.compiler.select import Target
from netspec.diagnostics import Span
from netspec.ir import Graph, Node
from netspec.ops.base import Op, Param


@dataclass(frozen=True, slots=True)
class Wanted:
    """One tensor of the state dict.

    `copies` are other names under which a file may hold it (a tied parameter's own, a second call's), each with
    whether it stands there transposed.
    """

    param: Param
    target: Target
    span: Span | None
    copies: dict[str, bool] = field(default_factory=dict)


def wanted(graph: Graph) -> dict[str, Wanted]:
    """Every parameter and buffer of a graph, in its order."""
    found: dict[str, Wanted] = {}
    shared: list[tuple[Node, str, Param]] = []
    for node in graph.walk():
        for name, param in _params(node).items():
            if name in node.ties or node.owner is not None:
                shared.append((node, name, param))
            else:
                found[node.key(name)] = Wanted(param, Target(node.path, node.op.name, name), node.span)
    for node, name, param in shared:
        _share(found, node, name, param)
    return found


def _share(found: dict[str, Wanted], node: Node, name: str, param: Param) -> None:
    key = node.key(name)
    transposed = name in node.ties and node.ties[name].transpose
    if key not in found:  # its layer is not in this graph (cut off), but this use of it is
        shape = param.shape[::-1] if transposed else param.shape
        target = Target(node.owner or node.path, node.op.name, name)
        found[key] = Wanted(replace(param, shape=shape), target, node.span)
    own = f"{node.path}.{name}" if name else node.path
    if own != key:
        found[key].copies[own] = transposed


def _params(node: Node) -> dict[str, Param]:
    assert isinstance(node.op, Op)
    return dict(node.op.params(*(value.type for value in node.inputs)))
