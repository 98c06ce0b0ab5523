"""Losses and metrics of a spec, tied to the network's values and the data's fields, with all types checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from netspec.data.source import SampleSource
from netspec.diagnostics import Diagnostic, Label, Report, Severity, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import DType, Graph, Size, TensorType, Value, is_less
from netspec.lang.bind import bind
from netspec.lang.nodes import Node as Syntax
from netspec.lang.nodes import Scalar, Sequence, describe, is_null, shorten
from netspec.training import alignment, losses, metrics
from netspec.training.alignment import Alignment
from netspec.training.fit import producer
from netspec.training.losses import LOSSES, Loss
from netspec.training.metrics import LOSS, METRICS, Accuracy, Confusion, Metric
from netspec.training.settings import Share
from netspec.training.table import Chosen, Entry, choose

ENDS = frozenset({"output", "target"})
#: A confusion matrix of more classes is no picture.
MAX_CONFUSION = 50

E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Target:
    """What an output is compared with: a field of the data, or an input after its preprocessing."""

    name: str
    type: TensorType
    below: int | None = None
    is_input: bool = False
    span: Span | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Term:
    """One term of the loss."""

    loss: Loss
    output: Value
    target: Target
    alignment: Alignment
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Measure:
    """One metric."""

    metric: Metric
    output: Value
    target: Target
    alignment: Alignment


class Terms:
    """Reads `loss` and `metrics`; whatever is wrong goes to the report."""

    def __init__(self, graph: Graph, data: SampleSource, report: Report) -> None:
        self._graph = graph
        self._report = report
        self._targets = {
            name: Target(name, field.type, field.below, span=data.span)
            for name, field in data.fields.items()
            if name not in {value.name for value in graph.inputs}
        }
        self._free = tuple(self._targets)
        self._targets |= {value.name: Target(value.name, value.type, is_input=True) for value in graph.inputs}
        self._values = {node.path: node.outputs[0] for node in graph.nodes if node.outputs}
        self._values |= dict(zip(graph.output_names, graph.outputs, strict=False))

    @classmethod
    def names(cls, losses: Syntax | None, metrics: Syntax | None, report: Report) -> None:
        """Report names and arguments that are wrong, where nothing is known of the data."""
        for item in _items(losses):
            _choose_loss(item, report)
        for item in _items(metrics):
            if not _is_loss(item):
                _choose_metric(item, report)

    def losses(self, node: Syntax | None) -> tuple[Term, ...]:
        """The terms, or nothing if one is wrong."""
        items = _items(node)
        found = [term for term in map(self._loss, items) if term is not None]
        return tuple(found) if len(found) == len(items) else ()

    def measures(self, node: Syntax | None, terms: tuple[Term, ...]) -> tuple[Measure, ...] | None:
        """The metrics, by default accuracy where there are classes; None if one is wrong."""
        if not terms:
            return None
        first = terms[0]
        found = [self._measure(item, first) for item in _items(node) if not _is_loss(item)]
        measures = [measure for measure in found if measure is not None]
        if first.loss.of_classes and node is None:
            measures.append(_like(first, Accuracy()))
        if _is_drawable(first) and not any(isinstance(each.metric, Confusion) for each in measures):
            measures.append(_like(first, Confusion()))
        return tuple(measures) if None not in found else None

    def _loss(self, node: Syntax) -> Term | None:
        chosen = _choose_loss(node, self._report)
        share = bind(Share, chosen.beside, self._report, span=chosen.span, what="the loss") if chosen else None
        ends = self._ends(chosen, None) if chosen else None
        if chosen is None or share is None or ends is None:
            return None
        output, target = ends
        aligned = self._aligned(chosen, chosen.entry.of_classes, output, target)
        if aligned is None or not self._weights_fit(chosen, output, aligned):
            return None
        self._warn_of_doubling(chosen, output)
        return Term(chosen.entry, output, target, aligned, share.weight)

    def _measure(self, node: Syntax, first: Term) -> Measure | None:
        chosen = _choose_metric(node, self._report)
        ends = self._ends(chosen, first) if chosen else None
        if chosen is None or ends is None:
            return None
        output, target = ends
        aligned = self._aligned(chosen, chosen.entry.of_classes, output, target)
        metric = chosen.entry
        if aligned is not None and isinstance(metric, Accuracy) and is_less(_classes(output, aligned), metric.top_k):
            message = f"`top_k` is {metric.top_k}, but there are {_classes(output, aligned)} classes"
            self._report.error("bad-training", message, chosen.span)
            return None
        return None if aligned is None else Measure(metric, output, target, aligned)

    def _ends(self, chosen: Chosen[E], first: Term | None) -> tuple[Value, Target] | None:
        """The output and the target that an entry names; left out they are the first loss's, or the only ones."""
        output, target = self._output(chosen, first), self._target(chosen, first)
        return None if output is None or target is None else (output, target)

    def _output(self, chosen: Chosen[E], first: Term | None) -> Value | None:
        node = chosen.inside.get("output")
        if node is None:
            return first.output if first is not None else self._graph.outputs[0]
        found = self._values.get(node.text) if isinstance(node, Scalar) else None
        if found is None:
            self._unknown("layer", node, self._values)
        return found

    def _target(self, chosen: Chosen[E], first: Term | None) -> Target | None:
        node = chosen.inside.get("target")
        if node is not None:
            return self._named_target(node)
        if first is not None:
            return first.target
        if len(self._free) == 1:
            return self._targets[self._free[0]]
        known = ", ".join(self._targets)
        message = f"the loss {chosen.entry.name} needs `target`, one of {known}"
        self._report.error("missing-key", message, chosen.span)
        return None

    def _named_target(self, node: Syntax) -> Target | None:
        text = node.text if isinstance(node, Scalar) else ""
        if text in self._targets:
            return self._targets[text]
        if text in self._values or (isinstance(node, Scalar) and type(node.value) in (int, float)):
            message = "layers and numbers as targets are not in this release; a target is a field or an input"
            self._report.error("not-supported", message, node.span)
        else:
            self._unknown("field or input", node, self._targets)
        return None

    def _unknown(self, kind: str, node: Syntax, known: dict[str, Value] | dict[str, Target]) -> None:
        what = f"is called `{shorten(node.text)}`" if isinstance(node, Scalar) else f"is {describe(node)}"
        help = did_you_mean(node.text, known) if isinstance(node, Scalar) else None
        self._report.error("unknown-name", f"no {kind} {what}", node.span, help=help)

    def _aligned(self, chosen: Chosen[E], of_classes: bool, output: Value, target: Target) -> Alignment | None:
        found = (alignment.of_classes if of_classes else alignment.elementwise)(output.type, target.type)
        name = chosen.entry.name
        if of_classes and target.type.dtype is not DType.INT64:
            problem = f"{name} wants class indices (int64), the target `{target.name}` is {target.type}"
        elif found is None:
            relation = "one axis, the classes, more than" if of_classes else "the shape of"
            problem = f"{name} wants an output with {relation} the target"
        elif of_classes and target.below is not None and is_less(_classes(output, found), target.below):
            problem = f"`{target.name}` is below {target.below}, but the output has {_classes(output, found)} classes"
        else:
            return found
        self._mismatch(problem, chosen.span, output, target)
        return None

    def _mismatch(self, problem: str, span: Span, output: Value, target: Target) -> None:
        node = producer(self._graph, output)
        bound = f" below {target.below}" if target.below is not None else ""
        labels = (
            Label(f"output {output.name}  {output.type}", node.span if node is not None else None),
            Label(f"target {target.name}  {target.type}{bound}", target.span),
        )
        self._report.add(Diagnostic("bad-training", problem, span, Severity.ERROR, labels))

    def _weights_fit(self, chosen: Chosen[Loss], output: Value, aligned: Alignment) -> bool:
        weights = chosen.entry.class_weights
        if weights is None or len(weights) == _classes(output, aligned):
            return True
        message = f"`weight` has {len(weights)} numbers for {_classes(output, aligned)} classes"
        self._report.error("bad-training", message, chosen.span)
        return False

    def _warn_of_doubling(self, chosen: Chosen[Loss], output: Value) -> None:
        node = producer(self._graph, output)
        if node is None or node.op.name not in chosen.entry.applies:
            return
        message = f"{chosen.entry.name} applies {node.op.name} itself, and `{node.path}` has applied it already"
        labels = (Label(f"{node.path}  {node.op.name}", node.span),)
        help = f"leave out the layer `{node.path}`; the exported model can apply it after the network"
        self._report.add(Diagnostic("softmax-before-loss", message, chosen.span, Severity.WARNING, labels, help=help))


def _choose_loss(node: Syntax, report: Report) -> Chosen[Loss] | None:
    return choose(node, LOSSES, report, "loss", beside=frozenset({"weight"}), inside=ENDS, later=losses.LATER)


def _choose_metric(node: Syntax, report: Report) -> Chosen[Metric] | None:
    return choose(node, METRICS, report, "metric", inside=ENDS, later=metrics.LATER)


def _is_loss(node: Syntax) -> bool:
    return isinstance(node, Scalar) and node.text == LOSS


def _items(node: Syntax | None) -> tuple[Syntax, ...]:
    if node is None or is_null(node):
        return ()
    return node.items if isinstance(node, Sequence) else (node,)


def _classes(output: Value, aligned: Alignment) -> Size:
    return output.type.shape[(aligned.class_axis or 1) - 1]


def _like(term: Term, metric: Metric) -> Measure:
    return Measure(metric, term.output, term.target, term.alignment)


def _is_drawable(term: Term) -> bool:
    classes = _classes(term.output, term.alignment)
    return term.loss.of_classes and isinstance(classes, int) and 2 <= classes <= MAX_CONFUSION
