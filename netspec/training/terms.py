"""Losses and metrics of a spec, tied to the network's values and the data's fields, with all types checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from netspec.data.source import SampleSource
from netspec.diagnostics import Diagnostic, Label, Report, Severity, Span
from netspec.ir import DType, Graph, Size, Value, is_less
from netspec.lang.bind import bind
from netspec.lang.nodes import Node as Syntax
from netspec.lang.nodes import Scalar, Sequence, is_null
from netspec.ops.axes import resolve_axis
from netspec.ops.base import OpError
from netspec.training import losses, metrics
from netspec.training.alignment import Alignment, align
from netspec.training.layers import Layers, producer
from netspec.training.losses import LOSSES, Loss, Relation
from netspec.training.metrics import LOSS, METRICS, Accuracy, Confusion, Metric
from netspec.training.settings import Share
from netspec.training.table import Chosen, Entry, choose
from netspec.training.targets import Target, Targets

ENDS = frozenset({"output", "target"})
#: A confusion matrix of more classes is no picture.
MAX_CONFUSION = 50

E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Term:
    """One term of the loss. `reads` has the layers by the name of torch's argument, the output first."""

    loss: Loss
    reads: Mapping[str, Value]
    target: Target | None
    alignment: Alignment
    weight: float = 1.0

    @property
    def output(self) -> Value:
        """What is compared."""
        return next(iter(self.reads.values()))


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Measure:
    """One metric."""

    metric: Metric
    output: Value
    target: Target
    alignment: Alignment


def values_read(terms: Iterable[Term], measures: Iterable[Measure]) -> Iterable[Value]:
    """All values of the network that losses and metrics read, targets among them."""
    ends: list[Term | Measure] = [*terms, *measures]
    for end in ends:
        yield from end.reads.values() if isinstance(end, Term) else (end.output,)
        if end.target is not None and end.target.value is not None:
            yield end.target.value


class Terms:
    """Reads `loss` and `metrics`; whatever is wrong goes to the report."""

    def __init__(self, graph: Graph, data: SampleSource, report: Report) -> None:
        self._graph = graph
        self._report = report
        self._layers = Layers(graph)
        self._targets = Targets(graph, self._layers, data, report)

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
        if node is None:
            measures += _like(first, Accuracy())
        if _is_drawable(first) and not any(isinstance(each.metric, Confusion) for each in measures):
            measures += _like(first, Confusion())
        return tuple(measures) if None not in found else None

    def _loss(self, node: Syntax) -> Term | None:
        chosen = _choose_loss(node, self._report)
        share = bind(Share, chosen.beside, self._report, span=chosen.span, what="the loss") if chosen else None
        if chosen is None or share is None or not self._takes_its_ends(chosen):
            return None
        loss = chosen.entry
        reads = {argument: self._layer(chosen, port) for port, argument in loss.reads.items()}
        found = {argument: value for argument, value in reads.items() if value is not None}
        target = self._target(chosen, None) if loss.relation != "none" else None
        if len(found) < len(reads) or (target is None and loss.relation != "none"):
            return None
        if share.each is not None and target is not None:
            target = self._repeated(chosen, next(iter(found.values())), target, share.each)
            if target is None:
                return None
        return self._term(chosen, found, target, share.weight)

    def _repeated(self, chosen: Chosen[Loss], output: Value, target: Target, word: str) -> Target | None:
        """The target with the axis of the output that a word names, along which it is the same."""
        if target.type is None:
            return target  # a number is everywhere the same
        try:
            axis = resolve_axis("each", word, output.type.shape)
        except OpError as error:
            self._report.error("bad-training", str(error), chosen.span)
            return None
        shape, size = target.type.shape, output.type.shape[axis - 1]
        for place in range(min(axis, target.type.rank + 1), 0, -1):
            longer = target.type.with_shape(*shape[: place - 1], size, *shape[place - 1 :])
            if align(chosen.entry.relation, output.type, longer) is not None:
                return replace(target, type=longer, repeated=(place, axis))
        return target  # which does not fit, as is said next

    def _term(
        self, chosen: Chosen[Loss], reads: Mapping[str, Value], target: Target | None, weight: float
    ) -> Term | None:
        output, *others = reads.values()
        for other in others:
            if other.type.shape != output.type.shape:
                problem = f"{chosen.entry.name} wants layers of equal shapes"
                self._mismatch(problem, chosen.span, output, [self._label(other, "and")])
                return None
        aligned = Alignment() if target is None else self._aligned(chosen, chosen.entry.relation, output, target)
        if aligned is None or not self._weights_fit(chosen, output, aligned):
            return None
        self._warn_of_doubling(chosen, output)
        return Term(chosen.entry, reads, target, aligned, weight)

    def _takes_its_ends(self, chosen: Chosen[Loss]) -> bool:
        """Whether a loss is given none of the ends that only others have."""
        known = {*chosen.entry.reads, *(() if chosen.entry.relation == "none" else ("target",))}
        strange = [key for key, _ in chosen.inside if key.text not in known]
        for key in strange:
            self._report.error("unknown-key", f"the loss {chosen.entry.name} has no attribute `{key.text}`", key.span)
        return not strange

    def _measure(self, node: Syntax, first: Term) -> Measure | None:
        chosen = _choose_metric(node, self._report)
        if chosen is None:
            return None
        output, target = self._output(chosen, first), self._target(chosen, first)
        if output is None or target is None:
            return None
        metric = chosen.entry
        aligned = self._aligned(chosen, "classes" if metric.of_classes else "elementwise", output, target)
        if aligned is not None and isinstance(metric, Accuracy) and is_less(_classes(output, aligned), metric.top_k):
            message = f"`top_k` is {metric.top_k}, but there are {_classes(output, aligned)} classes"
            self._report.error("bad-training", message, chosen.span)
            return None
        return None if aligned is None else Measure(metric, output, target, aligned)

    def _output(self, chosen: Chosen[E], first: Term) -> Value | None:
        """The output that a metric names; left out it is the first loss's."""
        return first.output if chosen.inside.get("output") is None else self._layer(chosen, "output")

    def _layer(self, chosen: Chosen[E], port: str) -> Value | None:
        node = chosen.inside.get(port)
        if node is not None:
            return self._layers.named(node, self._report)
        if port == "output" and chosen.entry.main != "output":
            return self._graph.outputs[0]
        self._report.error("missing-key", f"the loss {chosen.entry.name} needs `{port}`, a layer", chosen.span)
        return None

    def _target(self, chosen: Chosen[E], first: Term | None) -> Target | None:
        node = chosen.inside.get("target")
        if node is not None:
            return self._targets.named(node)
        if first is not None and first.target is not None:
            return first.target
        return self._targets.only(chosen.entry.name, chosen.span)

    def _aligned(self, chosen: Chosen[E], relation: Relation, output: Value, target: Target) -> Alignment | None:
        name = chosen.entry.name
        found = align(relation, output.type, target.type)
        if relation == "classes" and target.kind == "number" and found is not None:
            classes = _classes(output, found)
            if not target.number.is_integer() or target.number < 0 or not is_less(int(target.number), classes):
                self._report.error("wrong-value", f"the class {target.name} is not one of {classes}", target.span)
                return None
        whole = relation in ("classes", "indices")
        if whole and target.type is not None and target.type.dtype is not DType.INT64:
            problem = f"{name} wants class indices (int64), the target `{target.name}` is {target.type}"
        elif found is None:
            problem = f"{name} wants an output with {_WANTED[relation]} the target"
        elif relation == "classes" and target.below is not None and is_less(_classes(output, found), target.below):
            problem = f"`{target.name}` is below {target.below}, but the output has {_classes(output, found)} classes"
        else:
            return found
        kind = f"  {target.type}" if target.type is not None else ""
        bound = f" below {target.below}" if target.below is not None and target.kind == "field" else ""
        self._mismatch(problem, chosen.span, output, [Label(f"target {target.name}{kind}{bound}", target.span)])
        return None

    def _mismatch(self, problem: str, span: Span, output: Value, others: list[Label]) -> None:
        labels = (self._label(output, "output"), *others)
        self._report.add(Diagnostic("bad-training", problem, span, Severity.ERROR, labels))

    def _label(self, value: Value, what: str) -> Label:
        node = producer(self._graph, value)
        return Label(f"{what} {value.name}  {value.type}", node.span if node is not None else None)

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


_WANTED: Mapping[Relation, str] = {
    "elementwise": "the shape of",
    "classes": "one axis, the classes, more than",
    "indices": "the shape of",
    "reduced": "a last axis more than",
}


def _choose_loss(node: Syntax, report: Report) -> Chosen[Loss] | None:
    return choose(node, LOSSES, report, "loss", beside=frozenset(Share.model_fields), inside=ENDS, later=losses.LATER)


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


def _like(term: Term, metric: Metric) -> list[Measure]:
    """The metric of what a loss compares, if that are classes."""
    if not term.loss.of_classes or term.target is None:
        return []
    return [Measure(metric, term.output, term.target, term.alignment)]


def _is_drawable(term: Term) -> bool:
    classes = _classes(term.output, term.alignment) if term.loss.of_classes else None
    return isinstance(classes, int) and 2 <= classes <= MAX_CONFUSION
