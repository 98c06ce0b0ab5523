"""The keys of a spec by the schema."""

from __future__ import annotations

import jsonschema
import pytest

from netspec.compiler.schema import json_schema
from netspec.lang.structure import LATER_KEYS, TOP_KEYS
from tests.compiler.schema.judge import SPEC, VALIDATOR, is_valid, tree

REST = "netspec: 1, inputs: {x: [3]}, layers: [relu]"


def test_it_is_a_draft_07_schema() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())


def test_every_reference_of_the_schema_leads_somewhere() -> None:
    schema = json_schema()
    found = set(_references(schema))
    assert found == {f"#/definitions/{name}" for name in schema["definitions"]}


def _references(schema: object) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return own + [each for value in schema.values() for each in _references(value)]
    return [each for value in schema for each in _references(value)] if isinstance(schema, list) else []


@pytest.mark.parametrize(
    "text",
    [
        REST,
        "netspec: 1, extends: mnist_convnet",
        "netspec: 1, extends: a.yaml, args: {classes: 10}, expect: {params: 3}",
        "netspec: 1, inputs: {x: {shape: [T, =2*width, 3], dtype: int64, below: words}}, layers: [relu]",
        f"{REST}, args: {{a: int, b: 3, c: =2*b, d: [1, 2], e: {{k: 1}}, f: {{type: float, default: 0.5, min: 0}}}}",
        f"{REST}, args: {{depth: {{type: int, default: 50, choices: [50, 101]}}}}",
        f"{REST}, dims: {{T: 16, H: {{multiple_of: 32, min: 1, max: =2*a}}, W: }}",
        f"{REST}, vocabs: {{words: {{file: a.txt, size: 12_000, unit: word, special: {{eos: a}}}}, kinds: [a, b]}}",
        f"{REST}, init: [{{params: [{{op: conv}}, 'h.*'], weight: {{normal: {{std: 0.1}}}}, bias: zeros}}]",
        f"{REST}, init: [{{params: {{parameter: bias}}, bias: {{chunks: [zeros, ones]}}}}]",
        f"{REST}, blocks: {{b: {{args: {{w: int}}, inputs: [x, y], layers: [relu], outputs: {{h: 0}}}}}}",
        f"{REST}, blocks: {{b: {{parallel: {{a: [], c: b}}, join: add, layers: [b]}}}}",
        f"{REST}, outputs: [a, b.0]",
        f"{REST}, outputs: {{logits: fc, 3: a.b}}",
        f"{REST}, expect: [{{params: 97}}, {{set: {{depth: 1}}, params: 49}}]",
        f"{REST}, expect: {{macs: 735_040*H*W, shapes: {{a: [64, H/2, '(T - 1)//2 + 1']}}, receptive_field: [3, 5]}}",
        f"{REST}, weights: a.safetensors",
        f"{REST}, weights: [{{file: a.npz, of: body, rename: {{a: b}}, transpose: {{op: linear}}, skip: none}}]",
        f"{REST}, train: {{epochs: 3}}, export: {{opset: 20}}, doc: 12:30, source: none",
    ],
)
def test_specs_that_it_takes(text: str) -> None:
    VALIDATOR.validate(tree(f"{{{text}}}"))


@pytest.mark.parametrize(
    "text",
    [
        "{inputs: {x: [3]}, layers: [relu]}",
        "{netspec: 2, inputs: {x: [3]}, layers: [relu]}",
        "{netspec: 1, layers: [relu]}",
        "{netspec: 1, inputs: {x: [3]}}",
        "{netspec: 1, inputs: {}, layers: [relu]}",
        "{netspec: 1, inputs: {a-b: [3]}, layers: [relu]}",
        "{netspec: 1, inputs: {x: 3}, layers: [relu]}",
        "{netspec: 1, inputs: {x: {shape: [3], dtype: float31}}, layers: [relu]}",
        "{netspec: 1, inputs: {x: [0]}, layers: [relu]}",
        "{netspec: 1, inputs: {x: [3]}, layers: []}",
        "{netspec: 1, inputs: {x: [3]}, layers: [relu], layer: []}",
        "{netspec: 1, inputs: {x: [3]}, layers: [relu], expect: {param: 3}}",
        "[]",
        "{netspec: 1, extends: a.yaml, layers: []}",
        "{netspec: 1, extends: [a.yaml]}",
        "{netspec: 1, inputs: {input: [3]}, layers: [relu]}",
        "{netspec: 1, inputs: {x: {shape: [3], sample: normall}}, layers: [relu]}",
        "{netspec: 1, inputs: {x: {dtype: int64}}, layers: [relu]}",
        "{netspec: 1, inputs: {x: ['a b']}, layers: [relu]}",
    ],
)
def test_specs_that_it_refuses(text: str) -> None:
    assert not is_valid(text)


@pytest.mark.parametrize(
    "text",
    [
        "generate: {}",
        "name: forward",
        "args: [a]",
        "args: {in_channels: 3}",
        "args: {layers: 3}",
        "args: {a-b: 3}",
        "args: {a: {type: integer}}",
        "args: {a: {type: int, defualt: 3}}",
        "dims: {T: {lengths: [n]}}",
        "dims: {T: {multiple: 32}}",
        "dims: {T: 0}",
        "vocabs: {words: {file: a.txt}}",
        "vocabs: {words: {size: 0}}",
        "init: {params: [a], weight: zeros}",
        "init: [{weight: zeros}]",
        "init: [{params: [a]}]",
        "init: [{params: [{ops: conv}], weight: zeros}]",
        "init: [{params: [{op: conv, parameter: a}], weight: zeros}]",
        "init: [{params: [a], weight: normall}]",
        "blocks: {sequence: {layers: [relu]}}",
        "blocks: {join: {layers: [relu]}}",
        "blocks: {b: [relu]}",
        "blocks: {b: {args: {w: int}}}",
        "blocks: {b: {layer: [relu], layers: [relu]}}",
        "blocks: {b: {layers: [{linear: {out: 3}}]}}",
        "blocks: {b: {layers: [relu], inputs: [x, x]}}",
        "blocks: {b: {layers: [relu], inputs: [input]}}",
        "outputs: {a: [b]}",
        "outputs: {a b: c}",
        "expect: 3",
        "expect: [3]",
        "expect: {set: {depth: 1}}",
        "expect: {shapes: {a: 3}}",
        "weights: {file: a.npz, skipp: a}",
        "weights: {of: a}",
    ],
)
def test_sections_that_it_refuses(text: str) -> None:
    assert is_valid(f"{{{REST}}}")
    assert not is_valid(f"{{{REST}, {text}}}")


def test_keys_and_ops_are_described_for_editors() -> None:
    schema = json_schema()
    assert list(schema["properties"]) == [key for key in TOP_KEYS if key not in LATER_KEYS]
    assert all(value["markdownDescription"] for value in schema["properties"].values())
    linear = schema["definitions"]["op_linear"]
    assert linear["markdownDescription"].startswith("Affine map of the last axis")
    assert "- linear: 8" in linear["markdownDescription"]


def test_sections_of_higher_floors_are_handed_in() -> None:
    train = {"type": "object", "required": ["optimizer"]}
    validator = jsonschema.Draft7Validator(json_schema(train=train, preprocess={"type": "array", "maxItems": 0}))
    spec = tree(SPEC.format(layer="relu"))
    validator.validate(spec)
    assert not validator.is_valid(spec | {"train": {}})
    assert not validator.is_valid(spec | {"inputs": {"x": {"shape": [3], "preprocess": [1]}}})
