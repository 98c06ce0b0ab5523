"""Layers: one op, structural key or block, and modifiers.

A schema cannot tell which names a file gives to its blocks. So there are two grammars of layers: in a file that has
blocks (or gets some by `extends`) a layer's key may be any name that is no op, in every other file it is an op.
In both, what stands after a known op is that op's attributes, and nothing else may stand beside one but modifiers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from netspec.compiler.schema.ops import init_of_layer, op_schema, required
from netspec.compiler.schema.parts import (
    EXPRESSION,
    FLAG,
    NAME,
    REFERENCE,
    SCALAR,
    SIZE,
    SYMBOL,
    TEXT,
    Schema,
    closed,
    described,
    either,
    identifiers,
    number_of,
)
from netspec.lang.layers import BESIDE, MODIFIERS, STRUCTURAL
from netspec.lang.scans import SCAN_KEYS
from netspec.ops.base import Op

#: The two grammars, by the names of their definitions.
GRAMMARS = ("", "_or_block")

_COPIES = number_of("integer", minimum=0)
_REPEAT = either(
    _COPIES,
    {
        "type": "object",
        "minProperties": 1,
        "propertyNames": identifiers(),
        "additionalProperties": either(_COPIES, {"type": "array"}),
    },
    {"type": "null"},
)
_TIED = either(REFERENCE, closed({"to": REFERENCE, "transpose": FLAG}, ["to"]))
_WEIGHTS = {"$ref": "#/definitions/weights"}

# What each modifier means, and its form.
_MODIFIERS: Schema = {
    "name": described(
        either(NAME, {"type": "string", "pattern": r"\{"}),
        "The layer's name; its position, where it is left out. With `repeat`, `{i}` puts a variable in.",
    ),
    "from": described({"$ref": "#/definitions/references"}, "What it reads: a name, a list, or ports with names."),
    "repeat": described(_REPEAT, "So many times: `3`, `=depth`, or variables: `{i: 3}`, `{width: [64, 128]}`."),
    "when": described(either(FLAG, EXPRESSION, {"type": "null"}), "The layer is there only where this is true."),
    "only": {"const": "train", "markdownDescription": "`train`: the layer exists while training only."},
    "each": described(
        {"type": ["string", "integer"]}, "The axis (`T`, or its number) to whose every element the layer is applied."
    ),
    "init": described(init_of_layer(), "How its parameters are drawn: one rule, or one for each parameter."),
    "tie": {
        "type": "object",
        "additionalProperties": _TIED,
        "markdownDescription": "Parameters that are those of another layer: `{weight: embed.weight}`.",
    },
    "freeze": described({"type": ["boolean", "null"]}, "Its parameters are never trained."),
}

_NAMES = either(NAME, {"type": "array", "items": NAME})
_SHAPE = either(SIZE, SYMBOL, {"type": "array", "items": either(SIZE, SYMBOL)})
_STATES = {
    "type": "object",
    "propertyNames": identifiers(),
    "additionalProperties": either(
        _SHAPE, closed({"shape": _SHAPE, "learned": {"type": ["boolean", "null"]}}, ["shape"])
    ),
}
_CELL = {"type": "object", "minProperties": 1, "maxProperties": 1, "propertyNames": identifiers()}
_SCAN_KEYS: Schema = {
    "cell": described(either(TEXT, _CELL), "The block that runs: its name, or its name with arguments."),
    "over": described(either({"type": "integer"}, EXPRESSION, SYMBOL, {"type": "null"}), "The axis; the first."),
    "steps": described(either(SIZE, {"type": "null"}), "How many steps, where no sequence is read."),
    "reverse": described(either({"type": ["boolean", "null"]}, EXPRESSION), "Whether it begins with the last step."),
    "state": described(
        either(_STATES, {"type": "null"}), "Shapes of states by name: `128`, `{shape: [8], learned: true}`."
    ),
    "emit": described(either(_NAMES, {"type": "null"}), "What is put together: outputs of the cell."),
    "whole": described(either(_NAMES, {"type": "null"}), "Inputs of the cell that every step gets whole."),
}
_SCAN = closed({key: _SCAN_KEYS[key] for key in SCAN_KEYS}, ["cell"])

# Keys beside a structural key.
_BESIDE: Schema = {
    "until": described(REFERENCE, "The last layer that is kept, with what it needs."),
    "args": {"markdownDescription": "Arguments of the other spec."},
    "weights": described(_WEIGHTS, "A file of weights with the other spec's own keys."),
}


def layer_definitions(known: Mapping[str, type[Op]]) -> Schema:
    """The definitions of all ops, and of layers, chains and parallels in both grammars."""
    found = {f"op_{name}": op_schema(op) for name, op in known.items() if name not in STRUCTURAL}
    for grammar in GRAMMARS:
        found |= _grammar(known, grammar)
    return found


def chain(grammar: str) -> Schema:
    """A list of layers."""
    return {"$ref": f"#/definitions/layers{grammar}"}


def branches(grammar: str) -> Schema:
    """The branches of a `parallel`: layers, or chains that may be empty."""
    layer = {"$ref": f"#/definitions/layer{grammar}"}
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": NAME,
        "additionalProperties": either(layer, {"type": "array", "items": layer}),
        "markdownDescription": "Branches that read the same, a name each; an empty list is the identity.",
    }


def join(grammar: str) -> Schema:
    """How the branches of a `parallel` become one value."""
    return described({"$ref": f"#/definitions/layer{grammar}"}, "How the branches are joined: `concat`, `add`, ...")


def _grammar(known: Mapping[str, type[Op]], grammar: str) -> Schema:
    layer = {"$ref": f"#/definitions/layer{grammar}"}
    structural = _structural(grammar)
    properties = {**_MODIFIERS, **structural}
    properties |= {name: {"$ref": f"#/definitions/op_{name}"} for name in known if name not in structural}
    keys = [name for name in properties if name not in MODIFIERS]
    return {
        f"layers{grammar}": {"type": "array", "minItems": 1, "items": layer},
        f"layer{grammar}": either(*_words(known, grammar), _mapping(properties, keys, grammar)),
    }


def _structural(grammar: str) -> Schema:
    forms: Schema = {
        "sequence": described(chain(grammar), "A named chain of layers."),
        "parallel": branches(grammar),
        "call": described(SCALAR, "That layer again, with the same weights; `NAME.step` is one step of it."),
        "scan": described(_SCAN, "A block that runs once a step, with states that it hands on."),
        "op": described(TEXT, "The op or block whose name an argument holds: `=act`."),
        "use": described(TEXT, "Another spec as a block: a path relative to this file, or a shipped spec."),
        "calc": described(TEXT, "An equation over values and arguments: `f * c + i * g`."),
    }
    return {name: forms[name] for name in STRUCTURAL}


def _words(known: Mapping[str, type[Op]], grammar: str) -> list[Schema]:
    """Layers that are a word: ops that need no attribute, and names of blocks."""
    alone = [name for name, op in known.items() if not required(op)]
    if not grammar:
        return [{"enum": alone}]
    taken = {*known, *STRUCTURAL, *MODIFIERS}
    return [{"enum": alone}, {"type": "string", **identifiers(but=taken)}]


def _mapping(properties: Schema, keys: Iterable[str], grammar: str) -> Schema:
    beside = {key: join(grammar) if key == "join" else _BESIDE[key] for keys in BESIDE.values() for key in keys}
    everything = {**properties, **beside}
    one: Schema = {
        "oneOf": [{"required": [key]} for key in keys],
        "dependencies": {key: [owner] for owner, owned in BESIDE.items() for key in owned},
    }
    if not grammar:
        return {**closed(everything), **one}
    one |= {"properties": beside, "propertyNames": {"enum": list(everything)}}
    return {
        "type": "object",
        "properties": properties,
        "if": {"anyOf": [{"required": [key]} for key in keys]},
        "then": one,
        "else": _block_use(),
    }


def _block_use() -> dict[str, Any]:
    """A key that is the name of a block; how many there are, no schema can count."""
    only_modifiers = {"propertyNames": {"enum": list(_MODIFIERS)}}
    return {"not": only_modifiers, "propertyNames": either({"enum": list(_MODIFIERS)}, identifiers(but=MODIFIERS))}
