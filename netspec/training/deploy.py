"""From a spec and its weights to an ONNX file that carries all a predictor needs."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from netspec import __version__
from netspec.backends.onnx.export import ExportReport, export_onnx
from netspec.backends.torch import build
from netspec.compiler.passes.deployed import deployed
from netspec.compiler.passes.drawn_as_inputs import drawn_as_inputs
from netspec.compiler.spec import Spec
from netspec.data.preprocess import as_json
from netspec.data.preprocess.bind import preprocess
from netspec.diagnostics import Report, SpecError
from netspec.ir import Graph, Input
from netspec.training.plan import TrainPlan
from netspec.training.planner import plan
from netspec.training.start import load_starts
from netspec.training.weights import load_into
from netspec.weights.start import starts


def export_spec(spec: Spec, path: Path, *, weights: Path | None = None, opset: int = 20) -> ExportReport:
    """Write an ONNX file, after ONNX Runtime was seen to compute what PyTorch computes.

    Args:
        spec: A checked spec.
        path: The file to write; it appears whole or not at all.
        weights: A safetensors file with the spec's state-dict keys. Without it the parameters are freshly drawn.
        opset: ONNX operator set.

    Raises:
        SpecError: the `preprocess` steps or the `train` section have a mistake.
        ModelError: `weights`, or `parity` naming the output and the first layer that differs.
        NetspecError: `unwritable`.
    """
    metadata = describe(spec)
    module = build(spec.graph, initialize=weights is None)
    if weights is not None:
        load_into(module, spec.graph, weights)
    else:
        load_starts(module, spec.graph, starts(spec))
    return export_onnx(spec.graph, module.eval(), path, metadata=metadata, opset=opset)


def describe(spec: Spec) -> dict[str, str]:
    """What the file says of itself: the spec, its hash and settings, labels, preprocessing, bounds of indices, softmax.

    Raises:
        SpecError: the `preprocess` steps or the `train` section have a mistake.
    """
    report = Report()
    planned = plan(spec, report)
    found = planned.final if planned is not None else None
    steps = preprocess(spec.document, spec.graph, report)
    if report.has_errors:
        raise SpecError(report.diagnostics)
    return {
        "netspec.version": __version__,
        "netspec.name": spec.name,
        "netspec.spec": spec.source.text,
        "netspec.spec_sha256": hashlib.sha256(spec.source.text.encode()).hexdigest(),
        **({"netspec.settings": json.dumps(spec.settings)} if spec.settings else {}),
        "netspec.labels": json.dumps(found.classes if found is not None else []),
        "netspec.preprocess": json.dumps({name: as_json(each) for name, each in steps.items()}),
        "netspec.activation": _activation(found, spec),
        "netspec.sample": json.dumps(_drawn(spec.graph)),
        "netspec.below": json.dumps({each.name: each.type.below for each in spec.graph.inputs if each.type.below}),
    }


def _drawn(graph: Graph) -> dict[str, str]:
    """The inputs that are drawn where none is given, and how."""
    inputs = drawn_as_inputs(deployed(graph)).inputs
    return {each.name: each.sample for each in inputs if isinstance(each, Input) and each.sample is not None}


def _activation(found: TrainPlan | None, spec: Spec) -> str:
    """`softmax` where the first output was trained as logits."""
    logits = found is not None and any(
        term.loss.name == "cross_entropy" and term.output is spec.graph.outputs[0] for term in found.terms
    )
    return "softmax" if logits else ""
