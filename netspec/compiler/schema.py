"""The language as a JSON Schema (draft-07), for editors (yaml-language-server) and other tools.

Ops and their attributes come from the ops' own declarations. The schema is the form of a spec; shapes, names and the
network's numbers are what `netspec check` proves. Editors read YAML 1.2, where `289_630` and `=expr` are texts: they
are taken wherever a number is.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from netspec.ir import DType
from netspec.lang.structure import TOP_KEYS, VERSION
from netspec.ops.base import Op
from netspec.ops.registry import ops

Schema = dict[str, Any]

DRAFT = "http://json-schema.org/draft-07/schema#"

EXPRESSION = {"$ref": "#/definitions/expression"}
CHAIN = {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/layer"}}
NAME = {"type": ["string", "integer"], "pattern": "^[A-Za-z0-9_-]{1,64}$"}
INPUT_NAME = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"
REFERENCE = {"type": ["string", "integer"]}
COUNT = {"anyOf": [{"type": "integer", "minimum": 0}, EXPRESSION]}
SIZE = {"anyOf": [{"type": "integer", "minimum": 1}, EXPRESSION]}
SHAPE = {"type": "array", "items": SIZE}
ANY_MAPPING: Schema = {"type": "object"}

DEFINITIONS: Schema = {
    "expression": {
        "type": "string",
        "pattern": r"^=|^[-+]?[0-9]+(_[0-9]+)+$",
        "markdownDescription": "`=` and an expression, or a number with `_` between its digits.",
    },
    "from": {
        "markdownDescription": "What the layer reads: a name, a list, or a mapping of ports to names.",
        "anyOf": [
            REFERENCE,
            {"type": "array", "minItems": 1, "items": REFERENCE},
            {"type": "object", "additionalProperties": REFERENCE},
        ],
    },
}

# What each key of a spec means, and its form. `train` and `preprocess` belong to floors above; they hand theirs in.
KEYS: Schema = {
    "netspec": {"const": VERSION, "markdownDescription": "Version of the language."},
    "name": {**NAME, "markdownDescription": "The network's name; the file's, where it is left out."},
    "doc": {"type": ["string", "null"], "markdownDescription": "What the network is."},
    "source": {"type": ["string", "null"], "markdownDescription": "Where it is published."},
    "inputs": {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": INPUT_NAME},
        "additionalProperties": {"$ref": "#/definitions/input"},
        "markdownDescription": "Inputs by name; the batch is never written: `image: [1, 28, 28]`.",
    },
    "layers": {
        **CHAIN,
        "markdownDescription": "The chain of layers; each reads the one before it, or what `from` names.",
    },
    "outputs": {
        "markdownDescription": "Names for outputs, `{logits: fc}`; left out, the last layer is the output.",
        "anyOf": [
            {"type": "null"},
            REFERENCE,
            {"type": "array", "items": REFERENCE},
            {"type": "object", "additionalProperties": REFERENCE},
        ],
    },
    "expect": {
        "type": "object",
        "additionalProperties": False,
        "markdownDescription": "What the network must measure up to; `netspec check` verifies each.",
        "properties": {
            "params": {**COUNT, "markdownDescription": "Trained numbers of the deployed network."},
            "params_train": {**COUNT, "markdownDescription": "Trained numbers while training."},
            "macs": {**COUNT, "markdownDescription": "Multiply-accumulates of one sample."},
            "layers": {**COUNT, "markdownDescription": "Layers with weights."},
            "receptive_field": {"markdownDescription": "Input positions that one output position reads."},
            "shapes": {
                "type": "object",
                "additionalProperties": SHAPE,
                "markdownDescription": "Output shapes of layers, by path: `{0: [20, 24, 24]}`.",
            },
            "params_of": {
                "type": "object",
                "additionalProperties": COUNT,
                "markdownDescription": "Trained numbers of layers, by path.",
            },
        },
    },
    "train": {**ANY_MAPPING, "markdownDescription": "How the network is trained."},
    "export": {**ANY_MAPPING, "markdownDescription": "How it is deployed."},
}


def json_schema(*, train: Schema | None = None, preprocess: Schema | None = None) -> Schema:
    """The JSON Schema (draft-07) of the language.

    Args:
        train: The schema of `train:`, from the training configuration; without it any mapping is taken.
        preprocess: The schema of an input's `preprocess:`; without it any list is taken.
    """
    properties = {key: KEYS[key] for key in TOP_KEYS if key in KEYS}
    if train is not None:
        properties["train"] = train | {"markdownDescription": KEYS["train"]["markdownDescription"]}
    return {
        "$schema": DRAFT,
        "title": "netspec",
        "type": "object",
        "required": ["netspec", "inputs", "layers"],
        "additionalProperties": False,
        "properties": properties,
        "definitions": DEFINITIONS | {"input": _input(preprocess), "layer": _layer(ops())},
    }


def _input(preprocess: Schema | None) -> Schema:
    long_form = {
        "type": "object",
        "required": ["shape"],
        "additionalProperties": False,
        "properties": {
            "shape": {**SHAPE, "markdownDescription": "Sizes of one sample."},
            "dtype": {"enum": [dtype.value for dtype in DType], "default": "float32"},
            "preprocess": preprocess or {"type": "array"},
        },
    }
    return {"anyOf": [SHAPE, long_form]}


def _layer(known: Mapping[str, type[Op]]) -> Schema:
    words = [name for name, op in known.items() if not _required(op)]
    properties = {name: _op(op) for name, op in known.items()}
    properties["sequence"] = {**CHAIN, "markdownDescription": "A named chain of layers."}
    return {
        "anyOf": [
            {"enum": words},
            {
                "type": "object",
                "additionalProperties": False,
                # Exactly one op; everything else is a modifier.
                "oneOf": [{"required": [name]} for name in properties],
                "properties": {
                    "name": {**NAME, "markdownDescription": "The layer's name; its position, where it is left out."},
                    "from": {"$ref": "#/definitions/from"},
                    **properties,
                },
            },
        ]
    }


def _op(op: type[Op]) -> Schema:
    """What may stand after an op's name: nothing, its main attribute, or a mapping of attributes."""
    model = op.model_json_schema()
    attributes = {name: _attribute(schema) for name, schema in model.get("properties", {}).items()}
    mapping = {"type": "object", "additionalProperties": False, "properties": attributes, "required": _required(op)}
    main = op.main()
    forms: list[Schema] = [mapping]
    if main is not None and set(_required(op)) <= {main}:
        forms.insert(0, attributes[main])
    if not _required(op):
        forms.append({"type": "null"})
    return {"markdownDescription": _describe(op), "anyOf": forms}


def _required(op: type[Op]) -> list[str]:
    return [name for name, field in op.model_fields.items() if field.is_required()]


def _attribute(schema: Schema) -> Schema:
    """An attribute's schema, with an expression in place of any value and any entry of a list."""
    kept = {key: value for key, value in schema.items() if key not in ("title", "main", "default")}
    if "items" in kept:
        kept["items"] = _attribute(kept["items"])
    if "anyOf" in kept:
        kept["anyOf"] = [_attribute(each) if "items" in each or "anyOf" in each else each for each in kept["anyOf"]]
    default = {"default": schema["default"]} if "default" in schema else {}
    return {"anyOf": [kept, EXPRESSION], **default}


def _describe(op: type[Op]) -> str:
    ports = "a list of layers" if op.is_variadic() else ", ".join(f"`{port}`" for port in op.ports())
    examples = "\n".join(f"- {example.layer}" for example in op.examples)
    return f"{inspect.getdoc(op)}\n\nReads {ports}.\n\n```yaml\n{examples}\n```"
