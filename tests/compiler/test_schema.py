"""The JSON Schema takes what the language has and refuses what it has not, by the jsonschema package's judgement."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from netspec.compiler.schema import json_schema
from netspec.diagnostics import Source
from netspec.lang.nodes import plain
from netspec.lang.reader import read
from netspec.lang.structure import TOP_KEYS
from netspec.ops.registry import ops

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "specs").rglob("*.yaml"))
GOOD = sorted((ROOT / "tests/golden/good").glob("*.yaml"))

VALIDATOR = jsonschema.Draft7Validator(json_schema())

SPEC = "{{netspec: 1, inputs: {{x: [1, 28, 28]}}, layers: [{layer}]}}"


def tree(text: str) -> Any:
    return plain(read(Source("a.yaml", text)))


def test_it_is_a_draft_07_schema() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", [*SHIPPED, *GOOD], ids=lambda path: path.stem)
def test_good_specs_validate(path: Path) -> None:
    VALIDATOR.validate(tree(path.read_text("utf-8")))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_specs_validate_as_an_editor_reads_them(path: Path) -> None:
    """YAML 1.2 has no `_` in numbers: an editor sees texts."""
    document = tree(re.sub(r"\b([0-9]+_[0-9_]+)\b", r"'\1'", path.read_text("utf-8")))
    VALIDATOR.validate(document)


@pytest.mark.parametrize("example", [(name, e.layer) for name, op in ops().items() for e in op.examples], ids=str)
def test_every_example_of_every_op_validates(example: tuple[str, str]) -> None:
    layer = tree(example[1])
    VALIDATOR.validate({"netspec": 1, "inputs": {"x": [3]}, "layers": [layer]})


@pytest.mark.parametrize(
    "layer",
    [
        "relu",
        "{relu: }",
        "{name: a, relu}",
        "{name: 3, linear: 10, from: x}",
        "{linear: '=4*width'}",
        "{linear: {out_features: 10, bias: false}}",
        "{max_pool: 2}",
        "{max_pool: [2, 2]}",
        "{add, from: [a, b]}",
        "{add, from: {left: a, right: 3}}",
        "{name: s, sequence: [relu, {linear: 3}]}",
        "{conv: {out_channels: 8, kernel_size: [3, 5], padding: same}}",
        "{batch_norm: {momentum: null}}",
    ],
)
def test_layers_that_it_takes(layer: str) -> None:
    VALIDATOR.validate(tree(SPEC.format(layer=layer)))


@pytest.mark.parametrize(
    "layer",
    [
        "rellu",
        "linear",
        "3",
        "[relu]",
        "{}",
        "{name: a}",
        "{relu, tanh}",
        "{linear: 0}",
        "{linear: 1.5}",
        "{linear: ten}",
        "{linear: true}",
        "{linear: {out_feature: 10}}",
        "{linear: {bias: false}}",
        "{conv: 3}",
        "{conv: {out_channels: 8, kernel_size: 3, padding: some}}",
        "{dropout: 1.5}",
        "{relu, form: a}",
        "{relu, name: 'a b'}",
        "{add, from: []}",
        "{sequence: []}",
    ],
)
def test_layers_that_it_refuses(layer: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(tree(SPEC.format(layer=layer)))


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
    ],
)
def test_specs_that_it_refuses(text: str) -> None:
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(tree(text))


def test_keys_and_ops_are_described_for_editors() -> None:
    schema = json_schema()
    assert list(schema["properties"]) == [key for key in TOP_KEYS if key in schema["properties"]]
    assert all(value["markdownDescription"] for value in schema["properties"].values())
    linear = schema["definitions"]["layer"]["anyOf"][1]["properties"]["linear"]
    assert linear["markdownDescription"].startswith("Affine map of the last axis")
    assert "- linear: 8" in linear["markdownDescription"]


def test_defaults_and_bounds_come_from_the_ops() -> None:
    layer = json_schema()["definitions"]["layer"]["anyOf"][1]["properties"]
    mapping = next(form for form in layer["conv"]["anyOf"] if form.get("type") == "object")
    assert mapping["required"] == ["out_channels", "kernel_size"]
    assert mapping["properties"]["stride"]["default"] == 1
    assert "default" not in mapping["properties"]["kernel_size"]
    assert mapping["properties"]["groups"]["anyOf"][0] == {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}


def test_sections_of_higher_floors_are_handed_in() -> None:
    train = {"type": "object", "required": ["optimizer"]}
    validator = jsonschema.Draft7Validator(json_schema(train=train, preprocess={"type": "array", "maxItems": 0}))
    spec = tree(SPEC.format(layer="relu"))
    validator.validate(spec)
    assert not validator.is_valid(spec | {"train": {}})
    assert not validator.is_valid(spec | {"inputs": {"x": {"shape": [3], "preprocess": [1]}}})
