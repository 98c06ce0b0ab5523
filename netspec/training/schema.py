"""The form of a `train` section for editors, from the declarations of what it may name."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.compiler.schema.ops import after, choice, fields
from netspec.compiler.schema.parts import EXPRESSION, NULL, REFERENCE, Schema, closed, described, either
from netspec.data.readers import READERS
from netspec.training.losses import LOSSES
from netspec.training.metrics import LOSS, METRICS
from netspec.training.optimizers import OPTIMIZERS
from netspec.training.schedules import SCHEDULES
from netspec.training.settings import OTHER, PLAIN, Evaluate, Keep, Settings, Share, Timing
from netspec.training.table import Entry
from netspec.training.terms import ENDS

_FRACTION = {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}


def train_schema() -> Schema:
    """The keys of a `train` section, each in the form that it takes. Fields, layers and files are not known to it."""
    forms = {**fields(Settings), **_others()}
    if forms.keys() != PLAIN | OTHER:
        raise RuntimeError(f"the schema and the section differ: {sorted(forms.keys() ^ (PLAIN | OTHER))}")
    lengths = ["epochs", "steps"]
    both = {"required": lengths, "properties": {key: {"not": NULL} for key in lengths}}
    length = {"anyOf": [{"required": [key]} for key in lengths], "not": both}
    return {**closed(forms, ["data", "loss", "optimizer"]), **length}


def _others() -> Schema:
    reader = _free(choice(READERS, {}, bare=False))
    source = either(reader, {"type": "array", "minItems": 1, "maxItems": 1, "items": reader})
    ends: Schema = dict.fromkeys(sorted(ENDS), REFERENCE)
    loss = _free(choice(LOSSES, _mains(LOSSES), beside=fields(Share), inside=ends))
    metric = either({"const": LOSS}, _free(choice(METRICS, _mains(METRICS), inside=ends)))
    schedule = _free(choice(SCHEDULES, _mains(SCHEDULES), beside=fields(Timing)))
    return {
        "data": described(source, "The training data: `{mnist: {}}`, `{idx: {images: FILE, labels: FILE}}`."),
        "validation": described(either(source, _FRACTION, {"type": "null"}), "A reader, or a share of the data."),
        "test": described(either(source, {"type": "null"}), "What `netspec eval` measures on."),
        "loss": described(_one_or_list(loss), "One loss, or several that are added up."),
        "metrics": described(either(_one_or_list(metric), {"type": "null"}), "What is measured beside the loss."),
        "optimizer": described(_free(choice(OPTIMIZERS, _mains(OPTIMIZERS))), "torch.optim by its names."),
        "schedule": described(either(_one_or_list(schedule), {"type": "null"}), "How the rate changes."),
        "evaluate": described(after(Evaluate, None), "How often the validation data are measured."),
        "keep": described(after(Keep, None), "Which weights are kept."),
    }


def _free(item: Schema) -> Schema:
    """An expression may stand for any value of the section."""
    return either(item, EXPRESSION)


def _one_or_list(item: Schema) -> Schema:
    return either(item, {"type": "array", "items": item})


def _mains(table: Mapping[str, type[Entry]]) -> dict[str, str | None]:
    return {name: entry.main for name, entry in table.items()}
