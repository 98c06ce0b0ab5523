"""Forms that many places of a spec share: expressions, names, references, sizes.

Editors read YAML 1.2, where `289_630`, `none` and `=expr` are texts: they are taken wherever what they stand for is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from netspec.lang.form import IDENTIFIER
from netspec.lang.names import RESERVED

Schema = dict[str, Any]

ANY_MAPPING: Schema = {"type": "object"}
SCALAR: Schema = {"type": ["string", "number", "boolean"]}
TEXT: Schema = {"type": "string", "minLength": 1}
FLAG: Schema = {"type": "boolean"}
NULL: Schema = {"enum": [None, "none"]}
SYMBOL: Schema = {"type": "string", "pattern": f"^{IDENTIFIER.pattern}$", "not": {"enum": ["none"]}}

EXPRESSION: Schema = {"$ref": "#/definitions/expression"}
NUMBER_TEXT: Schema = {"$ref": "#/definitions/number_text"}
NAME: Schema = {"$ref": "#/definitions/name"}
REFERENCE: Schema = {"$ref": "#/definitions/reference"}
SIZE: Schema = {"$ref": "#/definitions/size"}
SELECTORS: Schema = {"$ref": "#/definitions/selectors"}

DEFINITIONS: Schema = {
    "expression": {
        "type": "string",
        "pattern": "^=",
        "markdownDescription": "`=` and an expression over arguments, `in_channels` and `in_features`: `=4*width`.",
    },
    "number_text": {"type": "string", "pattern": r"^[-+]?[0-9]+(_[0-9]+)+(\.[0-9]*)?$"},
    "name": {
        "type": ["string", "number", "boolean"],
        "pattern": "^(?!__)[A-Za-z0-9_-]{1,64}$",
        "not": {"enum": sorted(RESERVED)},
    },
    "dotted": {
        "type": ["string", "number", "boolean"],
        "pattern": "^(?!__)[A-Za-z0-9_-]{1,64}([.](?!__)[A-Za-z0-9_-]{1,64})*$",
        "not": {"enum": sorted(RESERVED)},
    },
    "reference": {**SCALAR, "markdownDescription": "The name of a layer or input; a path into a group: `body.0.fc`."},
    "size": {"anyOf": [{"type": "integer", "minimum": 1}, NUMBER_TEXT, EXPRESSION]},
    "references": {
        "anyOf": [
            REFERENCE,
            {"type": "array", "minItems": 1, "items": REFERENCE},
            {"type": "object", "additionalProperties": REFERENCE},
        ],
    },
}


def described(schema: Schema, text: str) -> Schema:
    """A schema with what an editor shows of it. Draft-07 reads nothing beside a `$ref`, so one stands in a list."""
    inner = {"allOf": [schema]} if "$ref" in schema else schema
    return {**inner, "markdownDescription": text}


def closed(properties: Mapping[str, Schema], required: Iterable[str] = ()) -> Schema:
    """A mapping of these keys and no others."""
    needed = list(required)
    more = {"required": needed} if needed else {}
    return {"type": "object", "additionalProperties": False, "properties": dict(properties), **more}


def either(*schemas: Schema) -> Schema:
    """One of several forms."""
    return {"anyOf": list(schemas)}


def number_of(kind: str, **bounds: float) -> Schema:
    """A number within bounds, or a text that is one when it is read."""
    return either({"type": kind, **bounds}, NUMBER_TEXT, EXPRESSION)


def identifiers(*, but: Iterable[str] = ()) -> Schema:
    """Keys that are identifiers, and none of some words."""
    taken = sorted(but)
    return {"pattern": f"^{IDENTIFIER.pattern}$", **({"not": {"enum": taken}} if taken else {})}
