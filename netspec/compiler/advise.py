"""Warnings about a network that is right but probably not meant: each once, at the line that makes it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netspec.diagnostics import Report, Span
from netspec.ir import Graph, Node, Region, Value
from netspec.ops.base import Op

# So many sigmoids one behind the other shrink a gradient to a thousandth at best: their slope is at most 1/4.
MANY_SIGMOIDS = 5
_BIASED = frozenset({"conv", "conv_transpose", "linear"})
_POOLS = frozenset({"max_pool", "avg_pool", "lp_pool"})


def advise(graph: Graph, report: Report) -> None:
    """Warn of a bias before batch norm, of pooling that drops rows, and of sigmoids in a deep stack."""
    said: set[tuple[str, Span | None]] = set()
    for code, node, message, help in (*_biases(graph), *_dropped(graph), *_sigmoids(graph, {})):
        if (code, node.span) not in said:
            said.add((code, node.span))
            report.warning(code, message, node.span, help=help)


Warning = tuple[str, Node, str, str]


def _biases(graph: Graph) -> Iterator[Warning]:
    readers = Counter(value for node in graph.nodes for value in node.inputs) + Counter(graph.outputs)
    makers = {value: node for node in graph.nodes if isinstance(node, Node) for value in node.outputs}
    for node in graph.nodes:
        if isinstance(node, Region):
            yield from _biases(node.body)
        elif node.op.name == "batch_norm" and readers[node.inputs[0]] == 1:
            maker = makers.get(node.inputs[0])
            if maker is not None and maker.op.name in _BIASED and getattr(maker.op, "bias", False):
                message = f"the bias of `{maker.path}` has no effect: `{node.path}` subtracts the mean"
                yield "bias-before-norm", maker, message, "say `bias: false`"


def _dropped(graph: Graph) -> Iterator[Warning]:
    for node in graph.walk():
        if node.op.name not in _POOLS:
            continue
        from netspec.ops.pool import Pool  # loaded already, with the op

        assert isinstance(node.op, Pool)
        (read,) = node.inputs
        for axis, window in enumerate(node.op.windows(read.type), start=2):
            size = window.size
            if not isinstance(size, int) or node.op.ceil_mode:
                continue
            covered = size + window.before + window.after - window.dilation * (window.kernel - 1) - 1
            left = covered % window.stride - window.after
            if left > 0:
                message = f"`{node.path}` leaves out the last {left} of {size} positions along axis {axis}"
                help = "pad the input, say `ceil_mode: true`, or choose another kernel or stride"
                yield "pool-drops-rows", node, message, help


def _sigmoids(graph: Graph, depths: dict[Value, int]) -> Iterator[Warning]:
    """Depths count the sigmoids on the longest way to each value."""
    for node in graph.nodes:
        depth = max((depths.get(value, 0) for value in node.inputs), default=0)
        if isinstance(node, Region):
            depths.update((inside, depths.get(value, 0)) for inside, value in node.entries())
            yield from _sigmoids(node.body, depths)
            depths.update((value, depths.get(inside, 0)) for inside, value in node.exits())
            continue
        assert isinstance(node.op, Op)
        depth += node.op.name == "sigmoid"
        depths.update((value, depth) for value in node.outputs)
        if depth == MANY_SIGMOIDS and node.op.name == "sigmoid":
            message = f"`{node.path}` is the {depth}th sigmoid in a row: each shrinks gradients to a quarter or less"
            yield "deep-sigmoid", node, message, "relu, batch_norm or residuals keep gradients; see docs/codes"
