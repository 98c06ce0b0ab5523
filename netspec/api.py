"""The Python surface. `import netspec` gives these names; each loads what it needs when it is first used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec.compiler import Spec, compile_source
from netspec.compiler.load import read_source
from netspec.diagnostics import Diagnostic, Report, Source, SpecError
from netspec.lang.reader import Limits

if TYPE_CHECKING:
    from torch.nn import Module

    from netspec.backends.onnx.export import ExportReport
    from netspec.deploy.settings import Precision
    from netspec.training.plan import RunPlan
    from netspec.training.run import Run


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check` found: `spec` is None where there are errors; warnings stand among the diagnostics.

    `training` is the plan of a `train` section that is right.
    """

    spec: Spec | None
    diagnostics: tuple[Diagnostic, ...]
    training: RunPlan | None = None

    @property
    def ok(self) -> bool:
        """Whether the spec has no error."""
        return self.spec is not None


def load(
    ref: str | Path, *, settings: Sequence[str] = (), limits: Limits | None = None, allowed: Sequence[Path] = ()
) -> Spec:
    """Read and check a spec: a path, or the name of a shipped one (`mnist_convnet`).

    The spec of a run directory is the network that was trained there, whatever became of the files that it names.

    Args:
        ref: A path, `-` for the standard input, or a name.
        settings: `NAME=VALUE`: arguments and keys to be set before anything is checked, `depth=101`.
        limits: Budgets that no spec can raise.
        allowed: Folders outside of the spec's project from which specs and data may be read.

    Raises:
        SpecError: every mistake found in the network, its expectations and its training, in the order of the file.
        NetspecError: `unknown-spec`, `unreadable`, `bad-setting`.
    """
    report = check(ref, settings=settings, limits=limits, allowed=allowed)
    if report.spec is None:
        raise SpecError(report.diagnostics)
    return report.spec


def check(
    ref: str | Path, *, settings: Sequence[str] = (), limits: Limits | None = None, allowed: Sequence[Path] = ()
) -> CheckReport:
    """Every diagnostic of a spec, without importing torch. The arguments are those of `load`.

    Raises:
        NetspecError: `unknown-spec`, `unreadable`: there is no text to check; `bad-setting`.
    """
    limits = limits or Limits()
    report = Report()
    try:
        spec = _compiled(read_source(ref, limits), settings, limits, tuple(allowed))
        for warning in spec.warnings:
            report.add(warning)
        training = _check_sections(spec, report)
    except SpecError as error:
        return CheckReport(None, error.diagnostics)
    return CheckReport(None if report.has_errors else spec, report.diagnostics, training)


def build(
    spec: Spec | str | Path, *, rewrite: bool = False, initialize: bool = True, settings: Sequence[str] = ()
) -> Module:
    """The network as an ordinary `torch.nn.Module`.

    Its inputs are batches in the order of the spec's inputs, `[N, *shape]`; it returns the output, or a tuple of them.

    Args:
        spec: A loaded spec, a path, or the name of a shipped one.
        rewrite: Apply the rewrites that keep the function and the state-dict keys (layout, order of pooling).
        initialize: Draw initial parameters, or load those that the spec's `weights` name; False leaves them
            uninitialised, for weights that are loaded next.
        settings: `NAME=VALUE`, as in `load`.

    Raises:
        SpecError: the spec is wrong.
        NetspecError: `bad-setting`.
        ModelError: `weights`: a file that the spec names cannot be read, or does not fit.
    """
    from netspec.backends.torch import build as build_module
    from netspec.compiler.passes import rewrite as rewrite_graph
    from netspec.training.start import load_starts
    from netspec.weights.start import starts

    loaded = _loaded(spec, settings)
    graph = loaded.graph
    module = build_module(rewrite_graph(graph) if rewrite else graph, initialize=initialize)
    if initialize:
        load_starts(module, graph, starts(loaded))
    return module


def train(spec: Spec | str | Path | None = None, *, settings: Sequence[str] = (), **options: Any) -> Run:
    """Train by the spec's `train:` section; see `netspec.training.run.train` for the options.

    The run remembers the settings (`NAME=VALUE`, as in `load`). Without a spec the run that `resume` names goes on.

    Raises:
        SpecError, DataError, TrainingError, UnavailableError: what is wrong, as diagnostics.
    """
    from netspec.training.run import train as train_spec

    if spec is None and options.get("resume") is not None:
        from netspec.training.resume import spec_of_run

        return train_spec(spec_of_run(options["resume"], settings), **options)
    if spec is None:
        raise TypeError("train() needs a spec, or a run to resume")
    return train_spec(_loaded(spec, settings), **options)


def export_onnx(
    spec: Spec | str | Path,
    path: str | Path,
    *,
    weights: str | Path | None = None,
    opset: int | None = None,
    precision: Precision | None = None,
    step: bool = False,
    settings: Sequence[str] = (),
) -> ExportReport:
    """Write what the spec's `export:` section asks for, after ONNX Runtime was seen to compute what PyTorch computes.

    Args:
        spec: A loaded spec, a path, or the name of a shipped one.
        path: The file to write; it appears whole or not at all.
        weights: A safetensors file with the spec's state-dict keys. Without it the parameters are freshly drawn.
        opset: ONNX operator set, in place of the section's (20 by default).
        precision: `float32`, `float16` or `int8`, in place of the section's.
        step: Write one step of a recurrent network: its states are inputs and outputs.
        settings: `NAME=VALUE`, as in `load`.

    Returns:
        The report; `others` has those of further graphs.

    Raises:
        ModelError: `weights`, or `parity` naming the output and the first layer that differs, or the metric that int8
            makes worse than the spec allows.
        DataError: data to calibrate on, or a vocabulary, cannot be read.
    """
    from netspec.deploy.export import export_spec

    found = _loaded(spec, settings)
    return export_spec(
        found, Path(path), weights=Path(weights) if weights else None, opset=opset, precision=precision, step=step
    )


def _check_sections(spec: Spec, report: Report) -> RunPlan | None:
    """Training, whose plan is returned, preprocessing, export and weights; what a spec lacks is not imported."""
    document = spec.document
    training: RunPlan | None = None
    if document.train is not None:
        from netspec.training.planner import plan

        training = plan(spec, report)
    elif any(decl is not None and decl.preprocess is not None for decl in document.inputs.values()):
        from netspec.data.preprocess.bind import preprocess

        preprocess(document, spec.graph, report)
    if document.export is not None:
        _check_export(spec, training, report)
    if spec.weights:
        from netspec.weights.start import bind_starts

        bind_starts(spec, report)
    return training


def _check_export(spec: Spec, training: RunPlan | None, report: Report) -> None:
    from netspec.data.preprocess.bind import preprocess
    from netspec.deploy.planner import plan

    steps = preprocess(spec.document, spec.graph, Report())  # mistakes in them are reported already
    plan(spec, report, steps=steps, trained=training.final if training is not None else None)


def _loaded(spec: Spec | str | Path, settings: Sequence[str]) -> Spec:
    """A spec as it is, or read; more settings come after those that it has."""
    if isinstance(spec, Spec) and not settings:
        return spec
    limits = Limits()
    if isinstance(spec, Spec):
        return _compiled(spec.source, (*spec.settings, *settings), limits, spec.allowed)
    return _compiled(read_source(spec, limits), settings, limits, ())


def _compiled(source: Source, settings: Sequence[str], limits: Limits, allowed: tuple[Path, ...]) -> Spec:
    """The checked spec of a text; that of a run has the run's settings and files."""
    from netspec.training.record import is_of_run, record_of

    record = record_of(source)
    spec = compile_source(
        source, settings=(*record.settings, *settings), limits=limits, allowed=allowed, snapshot=record.others
    )
    # What training started from is not what a run is.
    return replace(spec, weights=()) if spec.weights and is_of_run(source) else spec
