"""What an exported file says of itself: all that a predictor needs, and what it was made of."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from netspec import __version__
from netspec.compiler.spec import Spec
from netspec.data.preprocess import as_json
from netspec.data.vocabulary import entries
from netspec.deploy.plan import ExportPlan, Part
from netspec.ir import Input
from netspec.lang.folder import Folder
from netspec.training.record import home


def describe(spec: Spec, plan: ExportPlan, part: Part) -> dict[str, str]:
    """Metadata of one graph of an export.

    `netspec.labels` are the names of the classes by output; `netspec.preprocess` the steps that come before the file,
    `netspec.inside` those that are in it; `netspec.activation` what makes probabilities of the first output, where the
    file does not do it itself; `netspec.after` what it does itself; `netspec.states` the output that is the next value
    of each input that is a state.

    Raises:
        DataError: `data-file`: a vocabulary cannot be read.
    """
    names = [value.name for value in part.graph.inputs]
    steps = {name: as_json(plan.steps.get(name, ())) for name in names}
    after = {name: each.as_json() for name, each in plan.after.items() if name in part.graph.output_names}
    return {
        "netspec.version": __version__,
        "netspec.name": spec.name,
        "netspec.spec": spec.source.text,
        "netspec.spec_sha256": hashlib.sha256(spec.source.text.encode()).hexdigest(),
        **({"netspec.settings": json.dumps(spec.settings)} if spec.settings else {}),
        **({"netspec.graph": part.name} if part.name else {}),
        "netspec.precision": plan.precision,
        "netspec.labels": json.dumps(_labels(spec, plan, part)),
        "netspec.preprocess": json.dumps({name: each for name, each in steps.items() if name not in plan.inside}),
        **_said("netspec.inside", {name: each for name, each in steps.items() if name in plan.inside}),
        "netspec.activation": "" if part.graph.output_names[0] in after else _activation(plan, part),
        **_said("netspec.after", after),
        **_said("netspec.states", {each.input.name: each.output for each in part.states}),
        "netspec.sample": json.dumps(_drawn(part)),
        **_said("netspec.lengths", {value.name: symbol for symbol, value in part.graph.lengths.items()}),
        "netspec.below": json.dumps({each.name: each.type.below for each in part.graph.inputs if each.type.below}),
    }


def _said(key: str, value: dict[str, Any]) -> dict[str, str]:
    return {key: json.dumps(value)} if value else {}


def _labels(spec: Spec, plan: ExportPlan, part: Part) -> dict[str, tuple[str, ...]]:
    """The names of the classes by output: a vocabulary's entries, else those of the training data."""
    folder = Folder(home(spec.source), spec.allowed)
    found: dict[str, tuple[str, ...]] = {}
    trained = plan.trained
    for name in part.graph.output_names:
        if name in plan.labels:
            found[name] = entries(spec.document, plan.labels[name], folder)
        elif trained is not None and name == _first_output(plan) and trained.classes:
            found[name] = trained.classes
    return found


def _first_output(plan: ExportPlan) -> str | None:
    """The output of the first loss, by its name."""
    trained = plan.trained
    if trained is None or not trained.terms:
        return None
    return trained.output_names.get(trained.terms[0].output)


def _drawn(part: Part) -> dict[str, str]:
    """The inputs that are drawn where none is given, and how."""
    return {each.name: each.sample for each in part.graph.inputs if isinstance(each, Input) and each.sample is not None}


def _activation(plan: ExportPlan, part: Part) -> str:
    """`softmax` where the first output was trained as logits."""
    trained = plan.trained
    if trained is None:
        return ""
    names, first = trained.output_names, part.graph.output_names[0]
    logits = any(term.loss.name == "cross_entropy" and names.get(term.output) == first for term in trained.terms)
    return "softmax" if logits else ""
