"""Ops, initialisers and selectors as schemas, each from its own declaration."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from netspec.compiler.initializers import INITIALIZERS
from netspec.compiler.schema.parts import (
    EXPRESSION,
    NULL,
    NUMBER_TEXT,
    SCALAR,
    SELECTORS,
    Schema,
    closed,
    described,
    either,
)
from netspec.compiler.select import KINDS
from netspec.ops.base import Op

RULE: Schema = {"$ref": "#/definitions/rule"}


def required(model: type[BaseModel]) -> list[str]:
    """The fields that a model needs."""
    return [name for name, field in model.model_fields.items() if field.is_required()]


def op_schema(op: type[Op]) -> Schema:
    """What may stand after an op's name: nothing, its main attribute, or a mapping of attributes."""
    return described(after(op, op.main()), _describe(op))


def init_definitions() -> Schema:
    """Rules by which parameters are drawn, and selectors of parameters."""
    rule = choice(INITIALIZERS, {"constant": "val"})
    chunks = closed({"chunks": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/draw"}}}, ["chunks"])
    by_kind = [closed({kind: {"type": "string"}}, [kind]) for kind in KINDS if kind != "path"]
    selector = either(SCALAR, *by_kind)
    return {
        "draw": described(rule, "A function of torch.nn.init with its arguments: `{normal: {std: 0.01}}`."),
        "rule": either({"$ref": "#/definitions/draw"}, chunks),
        "selector": described(selector, "A path, a glob, `{op: OP}` or `{parameter: NAME}`."),
        "selectors": either(
            {"$ref": "#/definitions/selector"}, {"type": "array", "items": {"$ref": "#/definitions/selector"}}
        ),
    }


def init_of_layer() -> Schema:
    """One rule for all parameters, or a rule for each."""
    words = (*INITIALIZERS, "chunks")
    by_parameter = {"type": "object", "additionalProperties": RULE, "propertyNames": {"not": {"enum": list(words)}}}
    return either(RULE, by_parameter)


def init_of_spec() -> Schema:
    """Rules by selector."""
    entry = {
        "type": "object",
        "required": ["params"],
        "minProperties": 2,
        "properties": {"params": SELECTORS},
        "additionalProperties": RULE,
    }
    return {"type": "array", "items": entry}


def choice(
    table: Mapping[str, type[BaseModel]],
    mains: Mapping[str, str | None],
    *,
    beside: Mapping[str, Schema] | None = None,
    inside: Mapping[str, Schema] | None = None,
    bare: bool = True,
) -> Schema:
    """One entry of a closed table: its name, or a mapping of its name to its arguments.

    Args:
        table: The entries by name.
        mains: The argument that a bare value sets, by name.
        beside: Keys that may stand beside the name.
        inside: Keys that may stand among the arguments without being the entry's own.
        bare: Whether the name may stand alone, where the entry needs no argument.
    """
    words = [name for name, model in table.items() if bare and not required(model)]
    entries = {
        name: described(after(model, mains.get(name), inside), inspect.getdoc(model) or name)
        for name, model in table.items()
    }
    one = {**closed({**entries, **(beside or {})}), "oneOf": [{"required": [name]} for name in entries]}
    return either({"enum": words}, one) if words else one


def after(model: type[BaseModel], main: str | None, inside: Mapping[str, Schema] | None = None) -> Schema:
    """What may stand after a name: nothing, its main argument, or a mapping of arguments."""
    attributes = fields(model)
    needed = required(model)
    forms = [closed({**attributes, **(inside or {})}, needed)]
    if main is not None and set(needed) <= {main}:
        forms.insert(0, attributes[main] if main in attributes else (inside or {})[main])
    return either(*forms, *([] if needed else [{"type": "null"}]))


def fields(model: type[BaseModel]) -> Schema:
    """The fields of a model."""
    return {name: _attribute(schema) for name, schema in model.model_json_schema().get("properties", {}).items()}


def _attribute(schema: Mapping[str, Any]) -> Schema:
    """An attribute's schema, with an expression in place of any value and any entry of a list."""
    default = {"default": schema["default"]} if "default" in schema else {}
    kept = {key: value for key, value in schema.items() if key not in ("title", "main", "default")}
    return {"anyOf": [*_forms(kept), EXPRESSION], **default}


def _forms(schema: Mapping[str, Any]) -> list[Schema]:
    """The forms of a value, each with the texts that stand for it."""
    if "anyOf" in schema:
        return [form for each in schema["anyOf"] for form in _forms(each)]
    if schema.get("type") == "array" and "items" in schema:
        return [{**schema, "items": _attribute(schema["items"])}]
    if schema.get("type") == "null":
        return [NULL]
    if schema.get("type") in ("integer", "number"):
        return [dict(schema), NUMBER_TEXT]
    return [dict(schema)]


def _describe(op: type[Op]) -> str:
    ports = "a list of layers" if op.is_variadic() else ", ".join(f"`{port}`" for port in op.ports()) or "nothing"
    examples = "\n".join(f"- {example.layer}" for example in op.examples)
    return f"{inspect.getdoc(op)}\n\nReads {ports}.\n\n```yaml\n{examples}\n```"
