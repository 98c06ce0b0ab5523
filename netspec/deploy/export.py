"""From a spec and its weights to ONNX files that carry all a predictor needs, and to tables of word vectors."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from torch import nn

from netspec import atomic
from netspec.backends.onnx.export import ExportReport, export_onnx
from netspec.backends.onnx.parity import as_written
from netspec.backends.torch import build
from netspec.compiler.spec import Spec
from netspec.data.preprocess.bind import preprocess
from netspec.data.vocabulary import entries
from netspec.deploy.describe import describe
from netspec.deploy.finish import Finishing
from netspec.deploy.plan import ExportPlan, Part
from netspec.deploy.planner import plan as plan_export
from netspec.deploy.settings import Precision, Tolerance
from netspec.deploy.tables import table_text
from netspec.diagnostics import NetspecError, Report, SpecError
from netspec.lang.folder import Folder
from netspec.training.planner import plan as plan_training
from netspec.training.record import home
from netspec.training.start import load_starts
from netspec.training.weights import load_into
from netspec.weights.start import starts


def export_spec(
    spec: Spec,
    path: Path,
    *,
    weights: Path | None = None,
    opset: int | None = None,
    precision: Precision | None = None,
    step: bool = False,
) -> ExportReport:
    """Write what the `export` section asks for, after ONNX Runtime was seen to compute what PyTorch computes.

    Args:
        spec: A checked spec.
        path: The file to write. A graph with a name of its own is written beside it: `net.encoder.onnx` for `net.onnx`.
            All files of an export appear together, each whole, or none does.
        weights: A safetensors file with the spec's state-dict keys. Without it the parameters are freshly drawn.
        opset: ONNX operator set, in place of the section's.
        precision: `float32`, `float16` or `int8`, in place of the section's.
        step: One step of a recurrent network in place of the section's `graphs`.

    Raises:
        SpecError: the `preprocess` steps, the `train` or the `export` section have a mistake.
        ModelError: `weights`, or `parity` naming the output and the first layer that differs.
        DataError: data to calibrate on, or a vocabulary, cannot be read.
        NetspecError: `unwritable`.
    """
    found = planned(spec, precision=precision, opset=opset, step=step)
    _check_places(spec, found, path, weights)
    module = build(spec.graph, initialize=weights is None)
    if weights is not None:
        load_into(module, spec.graph, weights)
    else:
        load_starts(module, spec.graph, starts(spec))
    module.eval()
    with ExitStack() as files:
        reports = [_export(spec, found, part, module, _path(path, part), files) for part in found.parts]
        _write_tables(spec, found, module, path.parent, files)
    return replace(reports[0], others=tuple(reports[1:]))


def planned(
    spec: Spec, *, precision: Precision | None = None, opset: int | None = None, step: bool = False
) -> ExportPlan:
    """The plan of an export.

    Raises:
        SpecError: the `preprocess` steps, the `train` or the `export` section have a mistake.
    """
    report = Report()
    training = plan_training(spec, report)
    steps = preprocess(spec.document, spec.graph, report)
    trained = training.final if training is not None else None
    found = plan_export(spec, report, steps=steps, trained=trained, precision=precision, opset=opset, step=step)
    if found is None or report.has_errors:
        raise SpecError(report.diagnostics)
    return found


def _export(spec: Spec, plan: ExportPlan, part: Part, module: nn.Module, path: Path, files: ExitStack) -> ExportReport:
    finish = Finishing(plan, part, str(path))
    # A conversion has the tolerance; what is converted is exact.
    limit = Tolerance() if plan.precision == "float16" else plan.tolerance
    return export_onnx(
        part.graph,
        module if part.graph is spec.graph else as_written(part.graph, module),
        path,
        metadata=describe(spec, plan, part),
        opset=plan.opset,
        atol=limit.atol,
        rtol=limit.rtol,
        fixed=plan.fixed,
        finish=finish if finish.is_needed else None,
        files=files,
    )


def _check_places(spec: Spec, plan: ExportPlan, path: Path, weights: Path | None) -> None:
    """Refuse to write two files to one place, or one to where something is read from."""
    vocabularies = [each.file.text for each in spec.document.vocabs.values() if each.file is not None]
    read = [Path(spec.source.name), weights or path.parent, *(home(spec.source) / name for name in vocabularies)]
    taken = {place.resolve(): "the export reads this file" for place in read}
    for place in (*(_path(path, part) for part in plan.parts), *(path.parent / each.file for each in plan.tables)):
        if place.resolve() in taken:
            raise NetspecError.at(str(place), "unwritable", f"cannot write: {taken[place.resolve()]}")
        taken[place.resolve()] = "two files of the export have this name"


def _path(path: Path, part: Part) -> Path:
    return path.with_name(f"{path.stem}.{part.name}{path.suffix}") if part.name else path


def _write_tables(spec: Spec, plan: ExportPlan, module: nn.Module, directory: Path, files: ExitStack) -> None:
    folder = Folder(home(spec.source), spec.allowed)
    state = module.state_dict()
    for table in plan.tables:
        place, rows = directory / table.file, state[table.parameter].detach().cpu().float().numpy()
        text = table_text(entries(spec.document, table.vocab, folder), rows, str(place))
        files.enter_context(atomic.replacing(place)).write_text(text, "utf-8")
