"""A `train` section, checked to the end before anything runs. Imports neither torch nor numpy."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from netspec.compiler.analyses import counts
from netspec.compiler.spec import Spec
from netspec.data.preprocess.bind import Steps, preprocess
from netspec.data.source import SampleSource, bind_source
from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Graph
from netspec.lang.bind import bind
from netspec.lang.folder import Folder
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, is_null
from netspec.training import schedules, settings
from netspec.training.fit import check_fields, check_sources
from netspec.training.metrics import LOSS
from netspec.training.optimizers import OPTIMIZERS, Optimizer
from netspec.training.record import home
from netspec.training.schedules import SCHEDULES, Period, Schedule
from netspec.training.settings import Evaluate, Keep, Settings, Timing
from netspec.training.table import choose
from netspec.training.terms import Measure, Term, Terms

M = TypeVar("M", bound=BaseModel)

TIMING = frozenset({"per", "warmup", "for"})

Tied = tuple[tuple[Term, ...], tuple[Measure, ...]]


@dataclass(frozen=True, slots=True, repr=False)
class Phase:
    """One schedule of a list: `length` periods (None: the rest of the run), the first `warmup` of them rising."""

    schedule: Schedule
    per: Period
    warmup: int
    length: int | None


@dataclass(frozen=True, slots=True, repr=False)
class TrainPlan:
    """All that a run needs to know.

    `graph` is the network with every value as an output that losses and metrics read. `validation` is a source, a
    fraction of the training data, or None.
    """

    graph: Graph
    data: SampleSource
    validation: SampleSource | float | None
    test: SampleSource | None
    preprocess: MappingOf[str, Steps]
    terms: tuple[Term, ...]
    measures: tuple[Measure, ...]
    optimizer: Optimizer
    schedule: tuple[Phase, ...]
    settings: Settings
    evaluate: Evaluate
    keep: Keep

    @property
    def higher_is_better(self) -> bool:
        """Whether the metric by which weights are kept grows."""
        return any(each.metric.higher_is_better and each.metric.label == self.keep.best for each in self.measures)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of the first loss's target, if it has any."""
        field = self.data.fields.get(self.terms[0].target.name)
        return field.classes if field is not None else ()


def plan(spec: Spec, report: Report, *, allowed: tuple[Path, ...] = ()) -> TrainPlan | None:
    """Check the `preprocess` steps and the `train` section of a spec.

    Args:
        spec: A checked spec.
        report: Takes every mistake at its place.
        allowed: Folders besides the spec's own, and those that it was read with, from which data may be read.

    Returns:
        None if there is no `train` section, or a mistake in it.
    """
    before = _errors(report)
    steps = preprocess(spec.document, spec.graph, report)
    section = spec.document.train
    found = None if section is None else _Planner(spec, section, report, steps, allowed).plan()
    return None if _errors(report) > before else found


def _errors(report: Report) -> int:
    return sum(each.is_error for each in report)


class _Planner:
    def __init__(
        self, spec: Spec, section: Mapping, report: Report, steps: MappingOf[str, Steps], allowed: tuple[Path, ...]
    ) -> None:
        self._spec = spec
        self._section = section
        self._report = report
        self._steps = steps
        self._folder = Folder(home(spec.source), (*spec.allowed, *allowed))
        self._place = spec.document.root.key("train").span

    def plan(self) -> TrainPlan | None:
        self._check_keys()
        data = self._source("data", required=True)
        validation, test = self._validation(data), self._source("test") or (data.own("test") if data else None)
        plain, optimizer, schedule = self._plain(), self._optimizer(), self._schedule()
        evaluate, keep = self._bound("evaluate", Evaluate), self._bound("keep", Keep)
        tied = self._tied(data, validation, test)
        if not (data and tied and plain and optimizer and evaluate and keep) or schedule is None:
            return None
        terms, measures = tied
        self._check_best(keep, measures)
        return TrainPlan(
            graph=_reading(self._spec.graph, terms, measures),
            data=data,
            validation=validation,
            test=test,
            preprocess=self._steps,
            terms=terms,
            measures=measures,
            optimizer=optimizer,
            schedule=schedule,
            settings=plain,
            evaluate=evaluate,
            keep=keep,
        )

    def _tied(self, data: SampleSource | None, *others: SampleSource | float | None) -> Tied | None:
        """Losses and metrics, tied to the network and the data."""
        loss, metrics = self._required("loss", "needs a `loss`"), self._section.get("metrics")
        if not counts(self._spec.graph).num_params:
            self._report.error("bad-training", "the network has no parameter to train", self._place)
        if data is None or not check_fields(self._spec, data, self._steps, self._report):
            Terms.names(loss, metrics, self._report)
            return None
        check_sources(data, others, self._report)
        reader = Terms(self._spec.graph, data, self._report)
        terms = reader.losses(loss)
        measures = reader.measures(metrics, terms)
        return None if measures is None else (terms, measures)

    def _check_keys(self) -> None:
        known = settings.PLAIN | settings.OTHER
        for key, _ in self._section:
            if key.text in settings.LATER:
                self._report.error("not-supported", f"`{key.text}` in `train` is not in this release", key.span)
            elif key.text not in known:
                message = f"`train` has no key `{key.text}`"
                self._report.error("unknown-key", message, key.span, help=did_you_mean(key.text, known))

    def _required(self, key: str, message: str) -> Node | None:
        node = self._section.get(key)
        if is_null(node):
            self._report.error("missing-key", f"`train` {message}", self._place)
            return None
        return node

    def _source(self, key: str, *, required: bool = False) -> SampleSource | None:
        if required:
            node = self._required(key, f"needs `{key}`, as in `{key}: {{mnist: {{}}}}`")
        else:
            node = self._section.get(key)
        return None if node is None or is_null(node) else bind_source(node, self._folder, self._report)

    def _validation(self, data: SampleSource | None) -> SampleSource | float | None:
        node = self._section.get("validation")
        if not isinstance(node, Scalar) or is_null(node):
            return self._source("validation") or (data.own("validation") if data else None)
        if type(node.value) is not float or not 0 < node.value < 1:
            message = f"`validation` is a reader, or a fraction between 0 and 1, got {node.text}"
            self._report.error("wrong-value", message, node.span)
            return None
        return node.value

    def _plain(self) -> Settings | None:
        entries = {key: entry for key, entry in self._section.entries.items() if key in settings.PLAIN}
        found = self._bind(Settings, Mapping(entries, self._section.span), "train")
        if found is not None and (found.epochs is None) == (found.steps is None):
            problem = "needs `epochs` or `steps`" if found.epochs is None else "has both `epochs` and `steps`"
            self._report.error("bad-training", f"`train` {problem}", self._place)
            return None
        return found

    def _optimizer(self) -> Optimizer | None:
        node = self._required("optimizer", "needs an `optimizer`, as in `optimizer: {sgd: {lr: 0.1}}`")
        found = choose(node, OPTIMIZERS, self._report, "optimizer") if node is not None else None
        return None if found is None else found.entry

    def _schedule(self) -> tuple[Phase, ...] | None:
        node = self._section.get("schedule")
        if node is None or is_null(node):
            return ()
        items = node.items if isinstance(node, Sequence) else (node,)
        phases = tuple(phase for phase in map(self._phase, items) if phase is not None)
        if len(phases) < len(items):
            return None
        if len({phase.per for phase in phases}) > 1:
            self._report.error("bad-training", "schedules that follow each other count the same periods", node.span)
        for phase, item in zip(phases[:-1], items, strict=False):
            if phase.length is None:
                message = "a schedule that another one follows needs `for`, its number of periods"
                self._report.error("missing-key", message, item.span)
        return phases

    def _phase(self, node: Node) -> Phase | None:
        found = choose(node, SCHEDULES, self._report, "schedule", beside=TIMING, later=schedules.LATER)
        timing = self._bind(Timing, found.beside, "the schedule") if found is not None else None
        if found is None or timing is None:
            return None
        return Phase(found.entry, timing.per or found.entry.per, timing.warmup, timing.for_)

    def _check_best(self, keep: Keep, measures: tuple[Measure, ...]) -> None:
        known = [LOSS, *(each.metric.label for each in measures if each.metric.is_number)]
        if keep.best not in known:
            node = self._section.get("keep")
            place = node.get("best") if isinstance(node, Mapping) else None
            message = f"`keep` names the metric `{keep.best}`, which is not measured"
            span = place.span if place is not None else self._place
            self._report.error("bad-training", message, span, help=did_you_mean(keep.best, known))

    def _bound(self, key: str, model: type[M]) -> M | None:
        return self._bind(model, self._section.get(key), f"`{key}`")

    def _bind(self, model: type[M], node: Node | None, what: str) -> M | None:
        return bind(model, node, self._report, span=node.span if node is not None else self._place, what=what)


def _reading(graph: Graph, terms: tuple[Term, ...], measures: tuple[Measure, ...]) -> Graph:
    """The graph with all that losses and metrics read among its outputs, by the names of the values."""
    read = dict.fromkeys((*graph.outputs, *(term.output for term in terms), *(each.output for each in measures)))
    named = dict(zip(graph.outputs, graph.output_names, strict=False))
    return replace(graph, outputs=tuple(read), output_names=tuple(named.get(value, value.name) for value in read))
