"""The form of an `export` section for editors, from the declarations of what it may name."""

from __future__ import annotations

from netspec.compiler.schema.ops import choice, fields
from netspec.compiler.schema.parts import EXPRESSION, NULL, REFERENCE, SIZE, Schema, closed, described, either
from netspec.deploy.after import AFTER
from netspec.deploy.settings import GRAPH_KEYS, OTHER, PLAIN, PRECISIONS, Int8, Settings, Tolerance
from netspec.lang.form import IDENTIFIER
from netspec.training.schema import source_schema

_IDENTIFIER = {"type": "string", "pattern": f"^{IDENTIFIER.pattern}$"}


def export_schema() -> Schema:
    """The keys of an `export` section, each in the form that it takes. Layers, files and data are not known to it."""
    forms = {**fields(Settings), **_others()}
    if forms.keys() != PLAIN | OTHER:
        raise RuntimeError(f"the schema and the section differ: {sorted(forms.keys() ^ (PLAIN | OTHER))}")
    return closed(forms)


def _others() -> Schema:
    step = either(choice(AFTER, {name: entry.main for name, entry in AFTER.items()}), EXPRESSION)
    return {
        "graphs": described(_by(_IDENTIFIER, either(_graph(), NULL)), "Parts of the network, a file each."),
        "after": described(_by(REFERENCE, _one_or_list(step)), "What follows an output in the file."),
        "labels": described(_by(REFERENCE, REFERENCE), "The vocabulary that names the classes of an output."),
        "fixed": described(_by(_IDENTIFIER, SIZE), "Axes of one size: `{batch: 1, T: 16}`; all else stays free."),
        "precision": described(_precision(), "How numbers are stored and computed."),
        "tolerance": described(
            either(closed(fields(Tolerance)), NULL), "max|a - b| <= atol + rtol * max|b| for each output."
        ),
        "tables": described(_by({"type": "string"}, REFERENCE), "Word vectors as text: `{words.txt: embed.weight}`."),
    }


def _by(name: Schema, value: Schema) -> Schema:
    return either({"type": "object", "propertyNames": name, "additionalProperties": value}, NULL)


def _graph() -> Schema:
    names = _one_or_list(REFERENCE)
    return closed({key: REFERENCE if key == "step" else names for key in sorted(GRAPH_KEYS)})


def _precision() -> Schema:
    int8 = closed({**fields(Int8), "calibrate": source_schema()})
    words = {"enum": list(PRECISIONS)}
    return either(words, closed({"int8": either(int8, NULL)}, ["int8"]), NULL)


def _one_or_list(item: Schema) -> Schema:
    return either(item, {"type": "array", "items": item}, NULL)
