"""`precision: {int8: ...}`: the data on which it is calibrated, and the metric that is its gate."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf

from netspec.compiler.spec import Spec
from netspec.data.preprocess.bind import Steps
from netspec.data.source import SampleSource, bind_source
from netspec.deploy.plan import Calibration
from netspec.deploy.settings import Int8
from netspec.diagnostics import Report, Span
from netspec.ir import Graph
from netspec.lang.bind import bind
from netspec.lang.folder import Folder
from netspec.lang.nodes import Mapping, Node, is_null
from netspec.training.alignment import of_classes
from netspec.training.fit import check_fields
from netspec.training.metrics import Accuracy
from netspec.training.plan import TrainPlan
from netspec.training.record import home
from netspec.training.targets import Target
from netspec.training.terms import Measure

CALIBRATE = "calibrate"


def bind_calibration(
    node: Node | None,
    place: Span,
    spec: Spec,
    graph: Graph,
    steps: MappingOf[str, Steps],
    trained: TrainPlan | None,
    report: Report,
) -> Calibration | None:
    """What stands after `int8`, or None if something is wrong with it.

    Args:
        node: As it stands in the spec; without `calibrate` the training data are used.
        place: Where `int8` stands.
        spec: The spec.
        graph: The deployed network.
        steps: The preprocessing of each input.
        trained: The `train` section, if there is one that is right.
        report: Takes every mistake.
    """
    plain = node
    if isinstance(node, Mapping):
        plain = Mapping({key: entry for key, entry in node.entries.items() if key != CALIBRATE}, node.span)
    settings = bind(Int8, plain, report, span=place, what="int8")
    source = _source(node, place, spec, trained, report)
    if settings is None or source is None or not check_fields(spec, source, steps, {}, report):
        return None
    own = trained is not None and source.is_same(trained.data)
    validation = trained.validation if own and trained is not None else source.own("validation") or source.own("test")
    found = _trained_measure(graph, source, trained) or _plain_measure(graph, source)
    if found is None:
        message = "int8 is held to a metric of an output, and the spec has none that these data can tell"
        help = "give it a `train` section whose `metrics` read an output and a field of these data"
        report.error("bad-export", message, place, help=help)
        return None
    measure, output = found
    seed = trained.settings.seed if trained is not None else 0
    return Calibration(settings, source, validation, seed, measure, output)


def _source(
    node: Node | None, place: Span, spec: Spec, trained: TrainPlan | None, report: Report
) -> SampleSource | None:
    written = node.get(CALIBRATE) if isinstance(node, Mapping) else None
    if written is not None and not is_null(written):
        return bind_source(written, Folder(home(spec.source), spec.allowed), report)
    if trained is None:
        if spec.document.train is None:  # else its mistake is reported already
            message = "int8 needs `calibrate`, as in `{int8: {calibrate: {mnist: {}}}}`"
            report.error("missing-key", message, place)
        return None
    return trained.data


def _trained_measure(graph: Graph, source: SampleSource, trained: TrainPlan | None) -> tuple[Measure, str] | None:
    """The first metric of the training that counts what is right, else the first of all."""
    if trained is None:
        return None
    names = trained.output_names
    fitting = [
        (each, names[each.output])
        for each in trained.measures
        if each.metric.is_number and names.get(each.output) in graph.output_names and _is_there(each.target, source)
    ]
    best = [pair for pair in fitting if pair[0].metric.higher_is_better]
    return next(iter(best or fitting), None)


def _is_there(target: Target, source: SampleSource) -> bool:
    field = source.fields.get(target.name)
    return target.kind == "field" and field is not None and field.type == target.type and field.below == target.below


def _plain_measure(graph: Graph, source: SampleSource) -> tuple[Measure, str] | None:
    """Accuracy, where the data have one field of classes that an output has as many of."""
    inputs = {value.name for value in graph.inputs}
    fields = [(name, each) for name, each in source.fields.items() if each.below is not None and name not in inputs]
    if len(fields) != 1:
        return None
    ((name, field),) = fields
    for output, value in zip(graph.output_names, graph.outputs, strict=True):
        aligned = of_classes(value.type, field.type)
        if aligned is not None and value.type.shape[(aligned.class_axis or 1) - 1] == field.below:
            target = Target(name, "field", field.type, field.below, span=source.span)
            return Measure(Accuracy(), value, target, aligned), output
    return None
