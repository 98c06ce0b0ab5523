"""`bucket` and `bptt` of a plan: whether the network and the data have the sequences that they speak of."""

from __future__ import annotations

from netspec.compiler.passes.carried import recurrent
from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Node, Scan
from netspec.lang.nodes import Mapping
from netspec.training.plan import TrainPlan


def check_sequences(plan: TrainPlan, section: Mapping, report: Report) -> None:
    """Report `bad-training` at its key."""
    if plan.bucket is not None and plan.bucket.by not in plan.graph.lengths:
        message = f"`bucket` goes by `{plan.bucket.by}`, which has no lengths"
        help = did_you_mean(plan.bucket.by, plan.graph.lengths) or "say them in `dims`: `{T: {lengths: text_lengths}}`"
        report.error("bad-training", message, section.key("bucket").span, help=help)
    if plan.bptt is not None:
        _check_bptt(plan, section.key("bptt").span, report)


def _check_bptt(plan: TrainPlan, span: Span, report: Report) -> None:
    if plan.settings.accumulate > 1:
        report.error("bad-training", "`bptt` takes one chunk of each stream a step: `accumulate` is 1", span)
    if plan.bucket is not None:
        report.error("bad-training", "`bucket` and `bptt` exclude each other: streams have one order", span)
    for node in recurrent(plan.spec.graph) if plan.bptt is not None and plan.bptt.carry else ():
        problem = _problem(node)
        if problem is not None:
            report.error("bad-training", f"`{node.path}` {problem}", node.span)


def _problem(node: Node | Scan) -> str | None:
    """Why a layer has no states that could be carried from chunk to chunk."""
    backward = node.reverse if isinstance(node, Scan) else getattr(node.op, "bidirectional", False)
    if backward:
        return "runs backward, from the end of a sequence that `bptt` cuts"
    if isinstance(node, Scan) and node.learned():
        return "starts from a learned state, which `bptt` does not carry: `carry: false` starts every chunk there"
    if node.outputs[0].type.times != 1:
        return "stands in a layer with `each`, whose elements have no states to carry"
    return None
