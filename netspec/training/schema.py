"""The form of a `train` section for editors, from the declarations of what it may name."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

from netspec.compiler.schema.ops import after, choice, fields, required
from netspec.compiler.schema.parts import (
    ANY_MAPPING,
    EXPRESSION,
    NAME,
    NULL,
    REFERENCE,
    SELECTORS,
    TEXT,
    Schema,
    closed,
    described,
    either,
    number_of,
)
from netspec.data.augment.schema import augment_schema
from netspec.data.readers import READERS
from netspec.data.source import CHAIN
from netspec.training import stages
from netspec.training.groups import GROUPS, PARAMS
from netspec.training.losses import LOSSES
from netspec.training.metrics import LOSS, METRICS
from netspec.training.optimizers import OPTIMIZERS, Optimizer
from netspec.training.schedules import SCHEDULES
from netspec.training.settings import (
    OTHER,
    PLAIN,
    Bptt,
    Bucket,
    EarlyStopping,
    Ema,
    Evaluate,
    Keep,
    Settings,
    Share,
    Timing,
    Turns,
)
from netspec.training.table import Entry
from netspec.training.terms import ENDS

_FRACTION = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}


def train_schema() -> Schema:
    """The keys of a `train` section, each in the form that it takes. Fields, layers and files are not known to it."""
    forms = {**fields(Settings), **_others()}
    stage = {key: form for key, form in forms.items() if key not in stages.WHOLE}
    forms["stages"] = described(_stages(stage), "Networks with other arguments, trained one after the other.")
    if forms.keys() != PLAIN | OTHER:
        raise RuntimeError(f"the schema and the section differ: {sorted(forms.keys() ^ (PLAIN | OTHER))}")
    # A stage may bring what the section lacks.
    return {**closed(forms), "anyOf": [{"required": ["stages"]}, _whole()]}


def _whole() -> Schema:
    """What a section without stages needs."""
    lengths = ["epochs", "steps"]
    both = {"required": lengths, "properties": {key: {"not": NULL} for key in lengths}}
    moved = [{"required": ["updates"]}, {"required": ["loss", "optimizer"]}]
    length = {"anyOf": [{"required": [key]} for key in lengths], "not": both}
    return {"allOf": [{"required": ["data"]}, {"anyOf": moved}, length]}


def source_schema() -> Schema:
    """Where samples come from: a reader, readers side by side, or a chain."""
    reader = _free(choice(READERS, {}, bare=False))
    # Sources nest: what stands in a chain is not looked at again.
    nested = {"type": "array", "minItems": 1, "items": {"type": ["object", "array"]}}
    one = either(reader, closed({CHAIN: nested}, [CHAIN]))
    return either(one, {"type": "array", "minItems": 1, "items": either(one, nested)})


def _others() -> Schema:
    source = source_schema()
    ends: Schema = dict.fromkeys(sorted(ENDS), REFERENCE)
    metric = either({"const": LOSS}, _free(choice(METRICS, _mains(METRICS), inside=ends)))
    return {
        "data": described(source, "The training data: `{mnist: {}}`, `{idx: {images: FILE, labels: FILE}}`."),
        "augment": described(augment_schema(), "Random changes of training samples, by input."),
        "validation": described(either(source, _FRACTION, NULL), "A reader, or a share of the data."),
        "test": described(either(source, NULL), "What `netspec eval` measures on."),
        "metrics": described(either(_one_or_list(metric), NULL), "What is measured beside the loss."),
        "weights": described(either(_one_or_list(either(TEXT, ANY_MAPPING)), NULL), "What training starts from."),
        "freeze": described(either(SELECTORS, NULL), "What is not trained."),
        "updates": described(either(_updates(), NULL), "Several optimisers in turn, as in a GAN."),
        "ema": described(after(Ema, None), "An average of the weights, which is measured and kept."),
        "evaluate": described(after(Evaluate, None), "How often the validation data are measured."),
        "early_stopping": described(after(EarlyStopping, None), "The end when nothing gets better."),
        "keep": described(after(Keep, None), "Which weights are kept."),
        "bucket": described(after(Bucket, None), "Batches of samples of similar length."),
        "bptt": described(after(Bptt, None), "Running streams in chunks, with recurrent states carried."),
        **_moving(),
    }


def _moving() -> Schema:
    """What an update has too: losses, an optimiser, rates, and what it trains."""
    layers = {port for loss in LOSSES.values() for port in loss.ends()}
    ends: Schema = dict.fromkeys(sorted(ENDS | layers), REFERENCE)
    loss = _free(choice(LOSSES, _mains(LOSSES), beside=fields(Share), inside=ends))
    schedule = _free(choice(SCHEDULES, _mains(SCHEDULES), beside=fields(Timing)))
    optimizers = either(*(_optimizer(name, model) for name, model in OPTIMIZERS.items()))
    words = [name for name, model in OPTIMIZERS.items() if not required(model)]
    return {
        "loss": described(_one_or_list(loss), "One loss, or several that are added up."),
        "optimizer": described(_free(either({"enum": words}, optimizers)), "torch.optim by its names."),
        "schedule": described(either(_one_or_list(schedule), NULL), "How the rate changes."),
        "train_only": described(either(SELECTORS, NULL), "What is trained, and nothing else."),
    }


def _optimizer(name: str, model: type[Optimizer]) -> Schema:
    group = closed({**fields(model), PARAMS: SELECTORS}, [PARAMS])
    inside: Schema = {GROUPS: {"type": "array", "items": group}}
    return closed({name: described(after(model, model.main, inside), inspect.getdoc(model) or name)}, [name])


def _updates() -> Schema:
    update = closed({**fields(Turns), **_moving()}, ["name", "loss", "optimizer"])
    return {"type": "array", "minItems": 1, "items": update}


def _stages(forms: Mapping[str, Schema]) -> Schema:
    expect = closed(dict.fromkeys(stages.EXPECT, number_of("integer", minimum=0)))
    own = {"name": NAME, "set": ANY_MAPPING, "reset": SELECTORS, "expect": expect}
    stage = closed({**forms, **own})
    return either({"type": "array", "minItems": 1, "items": stage}, NULL)


def _free(item: Schema) -> Schema:
    """An expression may stand for any value of the section."""
    return either(item, EXPRESSION)


def _one_or_list(item: Schema) -> Schema:
    return either(item, {"type": "array", "items": item})


def _mains(table: Mapping[str, type[Entry]]) -> dict[str, str | None]:
    return {name: entry.main for name, entry in table.items()}
