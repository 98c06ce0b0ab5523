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
    return described(_after(op, op.main()), _describe(op))


def init_definitions() -> Schema:
    """Rules by which parameters are drawn, and selectors of parameters."""
    words = [name for name, model in INITIALIZERS.items() if not required(model)]
    functions = {name: _initializer(name, model) for name, model in INITIALIZERS.items()}
    one = {**closed(functions), "oneOf": [{"required": [name]} for name in functions]}
    rule = either({"enum": words}, one)
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


def _initializer(name: str, model: type[BaseModel]) -> Schema:
    return described(_after(model, "val" if name == "constant" else None), inspect.getdoc(model) or name)


def _after(model: type[BaseModel], main: str | None) -> Schema:
    attributes = {name: _attribute(schema) for name, schema in model.model_json_schema().get("properties", {}).items()}
    needed = required(model)
    forms = [closed(attributes, needed)]
    if main is not None and set(needed) <= {main}:
        forms.insert(0, attributes[main])
    return either(*forms, *([] if needed else [{"type": "null"}]))


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
