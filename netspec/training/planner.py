"""A `train` section, checked to the end before anything runs. Imports neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from netspec.compiler.analyses import counts
from netspec.compiler.files import project_root
from netspec.compiler.passes.carried import carried
from netspec.compiler.passes.expose import expose
from netspec.compiler.spec import Spec
from netspec.data.preprocess.bind import Steps, preprocess
from netspec.data.source import SampleSource, bind_source
from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Graph, Value
from netspec.lang.bind import bind
from netspec.lang.folder import Folder, folder_of
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, is_null
from netspec.training import settings
from netspec.training.carry import Carry
from netspec.training.fit import check_fields, check_sources
from netspec.training.metrics import LOSS
from netspec.training.plan import RunPlan, TrainPlan
from netspec.training.record import home, is_of_run
from netspec.training.sequences import check_sequences
from netspec.training.settings import Bptt, Bucket, EarlyStopping, Ema, Evaluate, Keep, Settings
from netspec.training.stages import Stage, stages
from netspec.training.terms import Measure, Term, Terms, values_read
from netspec.training.trained import bind_trained
from netspec.training.updates import Update, bind_updates

if TYPE_CHECKING:
    from netspec.data.augment.pipeline import Listed
    from netspec.weights.bind import Weights

M = TypeVar("M", bound=BaseModel)


def plan(spec: Spec, report: Report, *, allowed: tuple[Path, ...] = ()) -> RunPlan | None:
    """Check the `preprocess` steps and the `train` section of a spec.

    Args:
        spec: A checked spec.
        report: Takes every mistake at its place.
        allowed: Folders besides the spec's own, and those that it was read with, from which data may be read.

    Returns:
        None if there is no `train` section, or a mistake in it.
    """
    before = report.num_errors
    steps = preprocess(spec.document, spec.graph, report)
    section = spec.document.train
    if section is None:
        return None
    folder = Folder(home(spec.source), (*spec.allowed, *allowed))
    place = spec.document.root.key("train").span
    found: list[TrainPlan | None] = []
    for stage in stages(spec, section, place, report):
        own = steps if stage.spec is spec else preprocess(stage.spec.document, stage.spec.graph, report)
        found.append(_Planner(stage, report, own, folder).plan())
    planned = tuple(each for each in found if each is not None)
    return RunPlan(planned) if planned and report.num_errors == before else None


class _Planner:
    """Plans one stage."""

    def __init__(self, stage: Stage, report: Report, steps: MappingOf[str, Steps], folder: Folder) -> None:
        self._stage = stage
        self._spec = stage.spec
        self._section = stage.section
        self._report = report
        self._steps = steps
        self._folder = folder
        self._place = stage.place
        self._augment = self._augmentations(stage.section.get("augment"))

    def plan(self) -> TrainPlan | None:
        self._check_keys()
        data = self._source("data", required=True)
        validation, test = self._validation(data), self._source("test") or (data.own("test") if data else None)
        plain, weights = self._plain(), self._weights()
        evaluate, keep = self._bound("evaluate", Evaluate), self._bound("keep", Keep)
        ema, stopping = self._optional("ema", Ema), self._optional("early_stopping", EarlyStopping)
        terms = self._terms(data, validation, test)
        trained = bind_trained(self._section, self._spec.graph, self._report)
        updates = bind_updates(self._section, self._place, self._spec.graph, trained, terms, self._report)
        measures = self._measures(terms, updates)
        if not (data and plain and evaluate and keep and updates) or measures is None:
            return None
        graph, updates, measures = _reading(self._spec.graph, updates, measures)
        bptt = self._optional("bptt", Bptt)
        graph, slots = carried(graph) if bptt is not None and bptt.carry else (graph, ())
        planned = TrainPlan(
            name=self._stage.name,
            spec=self._spec,
            graph=graph,
            data=data,
            validation=validation,
            test=test,
            preprocess=self._steps,
            augment=self._augment,
            updates=updates,
            measures=measures,
            trained=trained,
            settings=plain,
            evaluate=evaluate,
            keep=keep,
            ema=ema,
            early_stopping=stopping,
            weights=weights,
            carry=self._stage.carry or Carry(),
            bucket=self._optional("bucket", Bucket),
            bptt=bptt,
            slots=slots,
        )
        self._check_metrics(planned)
        check_sequences(planned, self._section, self._report)
        return planned

    # Keys with a value or a table of their own

    def _check_keys(self) -> None:
        known = settings.PLAIN | settings.OTHER
        for key, _ in self._section:
            if key.text in settings.LATER:
                self._report.error("not-supported", f"`{key.text}` in `train` is not in this release", key.span)
            elif key.text not in known:
                message = f"`train` has no key `{key.text}`"
                self._report.error("unknown-key", message, key.span, help=did_you_mean(key.text, known))

    def _plain(self) -> Settings | None:
        entries = {key: entry for key, entry in self._section.entries.items() if key in settings.PLAIN}
        found = self._bind(Settings, Mapping(entries, self._section.span), "train")
        if found is not None and (found.epochs is None) == (found.steps is None):
            problem = "needs `epochs` or `steps`" if found.epochs is None else "has both `epochs` and `steps`"
            self._report.error("bad-training", f"`train` {problem}", self._place)
            return None
        if found is not None and found.clip_grad_norm is not None and found.clip_grad_value is not None:
            message = "`clip_grad_norm` and `clip_grad_value` exclude each other"
            self._report.error("bad-training", message, self._section.key("clip_grad_value").span)
        return found

    def _bound(self, key: str, model: type[M]) -> M | None:
        return self._bind(model, self._section.get(key), f"`{key}`")

    def _optional(self, key: str, model: type[M]) -> M | None:
        return None if is_null(self._section.get(key)) else self._bound(key, model)

    def _bind(self, model: type[M], node: Node | None, what: str) -> M | None:
        return bind(model, node, self._report, span=node.span if node is not None else self._place, what=what)

    # Data and files

    def _source(self, key: str, *, required: bool = False) -> SampleSource | None:
        node = self._section.get(key)
        if is_null(node):
            if required:
                message = f"`train` needs `{key}`, as in `{key}: {{mnist: {{}}}}`"
                self._report.error("missing-key", message, self._place)
            return None
        assert node is not None, "null was handled above"
        return bind_source(node, self._folder, self._report, self._spec.document.vocabs)

    def _validation(self, data: SampleSource | None) -> SampleSource | float | None:
        node = self._section.get("validation")
        if not isinstance(node, Scalar) or is_null(node):
            return self._source("validation") or (data.own("validation") if data else None)
        if type(node.value) is not float or not 0 < node.value < 1:
            message = f"`validation` is a reader, or a fraction between 0 and 1, got {node.text}"
            self._report.error("wrong-value", message, node.span)
            return None
        return node.value

    def _weights(self) -> tuple[Weights, ...]:
        """What training starts from; what a finished run started from is no part of it."""
        node = self._section.get("weights")
        if node is None or is_null(node) or is_of_run(self._spec.source):
            return ()
        items = node.items if isinstance(node, Sequence) else (node,)
        found = (self._file(item) for item in items)
        return tuple(each for each in found if each is not None)

    def _file(self, node: Node) -> Weights | None:
        """A file, relative to what names it: the spec, or the folder of a command; `file: none` is none."""
        name = node.get("file") if isinstance(node, Mapping) else node
        if isinstance(node, Mapping) and "file" in node and is_null(name):
            return None
        place = name if name is not None else node
        folder = folder_of(place.span.source, project_root(self._spec.source), *self._spec.allowed)
        from netspec.weights.bind import bind_weights  # most runs start from none

        return bind_weights(node, folder, self._report)

    def _augmentations(self, node: Node | None) -> dict[str, tuple[Listed, ...]]:
        if is_null(node):
            return {}
        from netspec.data.augment.bind import bind_augment  # here, not above: most specs need no table of them

        return bind_augment(node, [value.name for value in self._spec.graph.inputs], self._report)

    # Losses and metrics

    def _terms(self, data: SampleSource | None, *others: SampleSource | float | None) -> Terms | None:
        """What reads losses and metrics; None where nothing is known of the data."""
        if not counts(self._spec.graph).num_params_train:
            self._report.error("bad-training", "the network has no parameter to train", self._place)
        if data is None or not self._fits(data):
            return None
        check_sources(data, others, self._report)
        return Terms(self._spec.graph, data, self._report)

    def _fits(self, data: SampleSource) -> bool:
        in_chunks = not is_null(self._section.get("bptt"))
        found: bool = check_fields(self._spec, data, self._steps, self._augment, self._report, in_chunks=in_chunks)
        return found

    def _measures(self, terms: Terms | None, updates: tuple[Update, ...] | None) -> tuple[Measure, ...] | None:
        node = self._section.get("metrics")
        if terms is None:
            Terms.names(None, node, self._report)
        return terms.measures(node, updates[0].terms) if terms is not None and updates else None

    def _check_metrics(self, planned: TrainPlan) -> None:
        """What chooses weights, or ends a stage, is measured."""
        self._check_metric("keep", "best", planned.keep.best, planned)
        stopping = planned.early_stopping
        if stopping is not None:
            self._check_metric("early_stopping", "metric", stopping.metric, planned)
            if planned.validation is None:
                message = "`early_stopping` needs validation data, as in `validation: 0.1`"
                self._report.error("bad-training", message, self._section.key("early_stopping").span)

    def _check_metric(self, key: str, inner: str, metric: str, planned: TrainPlan) -> None:
        known = [LOSS, *(each.metric.label for each in planned.measures if each.metric.is_number)]
        if metric in known:
            return
        node = self._section.get(key)
        place = node.get(inner) if isinstance(node, Mapping) else None
        span: Span = place.span if place is not None else self._place
        message = f"`{key}` names the metric `{metric}`, which is not measured"
        self._report.error("bad-training", message, span, help=did_you_mean(metric, known))


def _reading(
    graph: Graph, updates: tuple[Update, ...], measures: tuple[Measure, ...]
) -> tuple[Graph, tuple[Update, ...], tuple[Measure, ...]]:
    """The graph whose outputs are what losses and metrics read, by the names of the values."""
    terms = tuple(term for update in updates for term in update.terms)
    exposed, outside = expose(graph, values_read(terms, measures))
    updates = tuple(replace(each, terms=tuple(_term(term, outside) for term in each.terms)) for each in updates)
    measures = tuple(_measure(each, outside) for each in measures)
    read = dict.fromkeys(outside.values())
    named = dict(zip(exposed.outputs, exposed.output_names, strict=False))
    names = tuple(named.get(value, value.name) for value in read)
    return replace(exposed, outputs=tuple(read), output_names=names), updates, measures


def _term(term: Term, outside: MappingOf[Value, Value]) -> Term:
    reads = {argument: outside[value] for argument, value in term.reads.items()}
    target = term.target
    if target is not None and target.value is not None:
        target = replace(target, value=outside[target.value])
    return replace(term, reads=reads, target=target)


def _measure(measure: Measure, outside: MappingOf[Value, Value]) -> Measure:
    target = measure.target
    if target.value is not None:
        target = replace(target, value=outside[target.value])
    return replace(measure, output=outside[measure.output], target=target)
