"""The keys of a spec: what each means, and its form. Keys of the language that are not read yet have none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import get_args

from netspec.compiler.expect import KEYS as EXPECTED
from netspec.compiler.schema.layers import branches, chain, join
from netspec.compiler.schema.ops import init_of_spec
from netspec.compiler.schema.parts import (
    ANY_MAPPING,
    NAME,
    NULL,
    NUMBER_TEXT,
    REFERENCE,
    SCALAR,
    SELECTORS,
    SIZE,
    SYMBOL,
    TEXT,
    Schema,
    closed,
    described,
    either,
    identifiers,
)
from netspec.ir import Distribution, DType
from netspec.lang.arguments import ARG_KEYS, DIM_KEYS, ROLES, TAKEN, TYPES, UNITS, VOCAB_KEYS
from netspec.lang.layers import BESIDE, MODIFIERS, STRUCTURAL
from netspec.lang.structure import BLOCK_KEYS, INPUT_KEYS, LATER_KEYS, TOP_KEYS, VERSION

_ARGS: Schema = {"$ref": "#/definitions/args"}
_OUTPUTS: Schema = {"$ref": "#/definitions/outputs"}
_SHAPE: Schema = {"$ref": "#/definitions/shape"}
_PLAIN_TEXT: Schema = {"type": [*SCALAR["type"], "null"]}
# `expect` takes expressions over the network's symbols, with or without `=`: `735_040*H*W`.
_MEASURED: Schema = {"type": ["integer", "string"], "minimum": 0}
_MEASURES: Schema = {"type": "array", "items": _MEASURED}

# What the sections of higher floors are taken for, where no schema of theirs is handed in.
OPEN: Mapping[str, Schema] = {"train": ANY_MAPPING, "preprocess": {"type": ["array", "null"]}, "export": ANY_MAPPING}


def sections(grammar: str, higher: Mapping[str, Schema]) -> Schema:
    """The keys of a spec, in its order, with layers of that grammar."""
    forms: Schema = {
        "netspec": {"const": VERSION, "markdownDescription": "Version of the language."},
        "name": described(NAME, "The network's name; the file's, where it is left out."),
        "doc": described(_PLAIN_TEXT, "What the network is."),
        "source": described(_PLAIN_TEXT, "Where it is published."),
        "extends": described(TEXT, "The spec that this one is, but for what it says: a path, or a shipped spec."),
        "args": described(_ARGS, "Arguments with defaults, `{depth: 50}`; a type alone makes one required."),
        "dims": described(_dims(), "What is known of symbolic sizes: `{T: 16}`, `{H: {multiple_of: 32}}`."),
        "vocabs": described(_vocabs(), "Vocabularies; the name of one stands for its size."),
        "inputs": described(_inputs(), "Inputs by name; the batch is never written: `image: [1, 28, 28]`."),
        "init": described(init_of_spec(), "How parameters are drawn, by selector; the first that matches."),
        "blocks": described(_blocks(grammar), "Functions of this file, used like ops."),
        "layers": described(chain(grammar), "The layers; each reads the one before it, or what `from` names."),
        "outputs": described(_OUTPUTS, "Names for outputs, `{logits: fc}`; left out, the last layer."),
        "expect": described(_expect(), "What the network must measure up to; `netspec check` verifies each."),
        "weights": described(_weights_list(), "Weights that are loaded before anything else."),
        "train": described(higher["train"], "How the network is trained."),
        "export": described(higher["export"], "How it is deployed."),
    }
    return _chosen(forms, TOP_KEYS, LATER_KEYS)


def section_definitions(higher: Mapping[str, Schema]) -> Schema:
    """What the sections refer to."""
    return {
        "args": {
            "type": "object",
            "propertyNames": identifiers(but={*TOP_KEYS, *TAKEN}),
            "additionalProperties": _argument(),
        },
        "shape": {"type": "array", "items": either(SIZE, SYMBOL)},
        "input": either(_SHAPE, _input(higher["preprocess"])),
        "outputs": either(
            {"type": "null"},
            REFERENCE,
            {"type": "array", "items": REFERENCE},
            {"type": "object", "propertyNames": {"$ref": "#/definitions/dotted"}, "additionalProperties": REFERENCE},
        ),
        "weights": either(TEXT, _weights()),
    }


def _argument() -> Schema:
    forms: Schema = {
        "type": {"enum": list(TYPES)},
        "default": {},
        "choices": {"type": ["array", "null"]},
        "min": SCALAR,
        "max": SCALAR,
    }
    long_form = closed(_chosen(forms, ARG_KEYS), ["type"])
    # A mapping without `type` is a default like any other value.
    return {"anyOf": [{"enum": list(TYPES)}, {}], "if": {"type": "object", "required": ["type"]}, "then": long_form}


def _dims() -> Schema:
    descriptions = {"min": "At least.", "max": "At most.", "multiple_of": "It is a multiple of this."}
    forms = {key: described(SIZE, text) for key, text in descriptions.items()}
    lengths = {"type": "string", **identifiers(but=["input"])}
    forms["lengths"] = described(lengths, "The input that says how large it is in each sample, one int64 a sample.")
    known = closed(_chosen(forms, DIM_KEYS))
    return {
        "type": "object",
        "propertyNames": identifiers(),
        "additionalProperties": either(SIZE, known, {"type": "null"}),
    }


def _vocabs() -> Schema:
    forms = {
        "file": SCALAR,
        "size": either({"type": "integer", "minimum": 1}, NUMBER_TEXT),
        "unit": {"enum": list(UNITS)},
    }
    forms["special"] = {
        "type": ["object", "null"],
        "additionalProperties": SCALAR,
        "propertyNames": {"enum": list(ROLES)},
    }
    known = closed(_chosen(forms, VOCAB_KEYS), ["size"])
    return {
        "type": "object",
        "propertyNames": identifiers(),
        "additionalProperties": either({"type": "array"}, known),
    }


def _inputs() -> Schema:
    return {
        "type": "object",
        "minProperties": 1,
        "propertyNames": identifiers(but=["input"]),
        "additionalProperties": {"$ref": "#/definitions/input"},
    }


def _input(preprocess: Schema) -> Schema:
    forms: Schema = {
        "shape": described(_SHAPE, "Sizes of one sample: numbers, expressions, vocabularies, symbols."),
        "dtype": {"enum": [dtype.value for dtype in DType], "default": DType.FLOAT32.value},
        "preprocess": described(preprocess, "Steps that make it from a stored sample."),
        "below": described(either(SIZE, SYMBOL), "Values are indices below this: a number or a vocabulary."),
        "only": described({"const": "train"}, "It exists in training only."),
        "sample": described({"enum": list(get_args(Distribution))}, "It is drawn from this distribution."),
    }
    return closed(_chosen(forms, INPUT_KEYS), ["shape"])


def _blocks(grammar: str) -> Schema:
    names = {"type": "array", "items": {"type": ["string", "boolean"], **identifiers(but=["input"])}}
    forms: Schema = {
        "args": described(_ARGS, "Arguments; a default may read those before it, and `in_channels`."),
        "inputs": described({**names, "uniqueItems": True}, "Names of what it reads, where that is not one `input`."),
        "parallel": branches(grammar),
        "join": join(grammar),
        "layers": chain(grammar),
        "outputs": described(_OUTPUTS, "Names for outputs; left out, the last layer."),
    }
    block = closed(_chosen(forms, BLOCK_KEYS)) | either({"required": ["layers"]}, {"required": ["parallel"]})
    taken = {*MODIFIERS, *STRUCTURAL, *BESIDE["parallel"]}
    return {"type": ["object", "null"], "propertyNames": identifiers(but=taken), "additionalProperties": block}


def _expect() -> Schema:
    forms: Schema = {
        "params": described(_MEASURED, "Trained numbers of the deployed network."),
        "params_train": described(_MEASURED, "Trained numbers while training."),
        "macs": described(_MEASURED, "Multiply-accumulates of one sample."),
        "layers": described(_MEASURED, "Layers with weights."),
        "receptive_field": described(
            either(_MEASURED, _MEASURES), "Input positions that one output position reads, by axis."
        ),
        "shapes": {
            "type": "object",
            "additionalProperties": _MEASURES,
            "markdownDescription": "Output shapes of layers, by path: `{0: [20, 24, 24]}`.",
        },
        "params_of": {
            "type": "object",
            "additionalProperties": _MEASURED,
            "markdownDescription": "Trained numbers of layers, by path.",
        },
    }
    found = _chosen(forms, EXPECTED)
    arguments = described(ANY_MAPPING, "Arguments of this case: `{depth: 101}`.")
    return either(closed(found), {"type": "array", "items": closed({"set": arguments, **found})}, {"type": "null"})


def _weights_list() -> Schema:
    one: Schema = {"$ref": "#/definitions/weights"}
    return either(one, {"type": "array", "items": one})


def _weights() -> Schema:
    selectors = either(SELECTORS, NULL)
    forms: Schema = {
        "file": described(TEXT, "A `.safetensors` or `.npz` file, relative to the spec."),
        "of": described(either(REFERENCE, NULL), "The path below which the network is loaded."),
        "rename": {"type": "object", "additionalProperties": _PLAIN_TEXT},
        "transpose": described(selectors, "Parameters that the file has transposed."),
        "skip": described(selectors, "Parameters that are not loaded."),
    }
    return closed(forms, ["file"])


def _chosen(forms: Schema, keys: Iterable[str], later: Iterable[str] = ()) -> Schema:
    """The forms of a table's keys, in its order; a key without a form is a mistake of ours, and so is the reverse."""
    wanted = [key for key in keys if key not in later]
    if set(wanted) != set(forms):
        raise RuntimeError(f"the schema and the language differ: {sorted(set(wanted) ^ set(forms))}")
    return {key: forms[key] for key in wanted}
