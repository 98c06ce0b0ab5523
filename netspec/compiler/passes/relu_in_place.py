"""ReLU overwrites what it reads, where nobody else wants that: half the memory traffic, and no second tensor."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from netspec.ir import Graph, Node, Region, Value
from netspec.ops.activation import Relu
from netspec.ops.conv import Conv
from netspec.ops.linear import Linear
from netspec.ops.lowering import TorchBuilder, TorchResult, TorchValue
from netspec.ops.norm import BatchNorm
from netspec.ops.pool import AvgPool, MaxPool

# Ops that make a tensor of their own and whose backward does not read it: it may be overwritten.
_DONE_WITH_OUTPUT = (Conv, Linear, BatchNorm, AvgPool, MaxPool)


class ReluInPlace(Relu):
    """As `relu`; in PyTorch it overwrites its input."""

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.nn.ReLU(inplace=True)


def relu_in_place(graph: Graph) -> Graph:
    """Make those ReLUs overwrite their input whose input is a fresh tensor that they alone read.

    One that is called again stays: it is one module in PyTorch, and the other call may read what others want.

    Requires: a verified graph. Ensures: the same graph, some of whose ReLUs say so.
    """
    nodes: list[Node | Region] = [*graph.walk(), *graph.regions()]
    called = {node.owner for node in nodes if node.owner is not None}
    return _marked_graph(graph, called)


def _marked_graph(graph: Graph, called: set[str]) -> Graph:
    counts = Counter(value for node in graph.nodes for value in node.inputs) + Counter(graph.outputs)
    fresh = {value for node in graph.nodes if _is_done(node) for value in node.outputs if counts[value] == 1}
    return replace(graph, nodes=tuple(_marked(node, fresh, called) for node in graph.nodes))


def _is_done(node: Node | Region) -> bool:
    # What evaluation passes by hands on a tensor that is another's.
    return isinstance(node, Node) and isinstance(node.op, _DONE_WITH_OUTPUT) and node.presence != "pass"


def _marked(node: Node | Region, fresh: set[Value], called: set[str]) -> Node | Region:
    if node.path in called or node.owner is not None:
        return node
    if isinstance(node, Region):
        return replace(node, body=_marked_graph(node.body, called))
    if type(node.op) is Relu and node.inputs[0] in fresh:
        return replace(node, op=ReluInPlace())
    return node
