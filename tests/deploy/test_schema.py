"""The `export` section by the schema: what it takes is what the planner takes."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from netspec.compiler.schema import json_schema
from netspec.deploy.after import AFTER
from netspec.deploy.schema import export_schema
from netspec.diagnostics import Source
from netspec.lang.nodes import plain
from netspec.lang.reader import read

VALIDATOR = jsonschema.Draft7Validator(json_schema(export=export_schema()))
SPEC = "{{netspec: 1, inputs: {{x: [3]}}, layers: [relu], export: {{{export}}}}}"


def is_valid(export: str) -> bool:
    tree: Any = plain(read(Source("a.yaml", SPEC.format(export=export))))
    return VALIDATOR.is_valid(tree)


def test_it_is_a_draft_07_schema() -> None:
    jsonschema.Draft7Validator.check_schema(VALIDATOR.schema)


@pytest.mark.parametrize(
    "export",
    [
        "",
        "preprocess: true, opset: 17, fixed: {batch: 1, T: =2*8}",
        "after: {0: [softmax, {top_k: 3}], b: argmax, c: {ctc_decode: {blank: 2}}, d: {softmax: {dim: -1}}}",
        "labels: {0: digits}, tables: {words.txt: embed.weight}",
        "graphs: {encoder: {inputs: [x], outputs: 0}, whole: {}}",
        "precision: float16, tolerance: {atol: 0, rtol: 1e-2}",
        "precision: {int8: {calibrate: {mnist: {}}, samples: 10, held_out: 20, max_drop: 0.5}}",
        "precision: int8",
        "precision: {int8: none}",
        "graphs: none, after: none, precision: none",
    ],
)
def test_sections_that_it_takes(export: str) -> None:
    assert is_valid(export)


@pytest.mark.parametrize(
    "export",
    [
        "opset: 16",
        "opsets: 20",
        "preprocess: yes please",
        "after: {0: soft_max}",
        "after: {0: top_k}",
        "after: {0: {top_k: 0}}",
        "after: softmax",
        "graphs: {a-b: {}}",
        "graphs: {a: {from: [x]}}",
        "precision: int4",
        "precision: {float16: 1}",
        "precision: {int8: {sample: 3}}",
        "precision: {int8: {max_drop: 2}}",
        "precision: {int8: {calibrate: mnist}}",
        "tolerance: {atol: -1}",
        "fixed: {batch: 0}",
    ],
)
def test_sections_that_it_refuses(export: str) -> None:
    assert not is_valid(export)


def test_every_entry_of_the_table_is_known_with_its_text() -> None:
    text = str(VALIDATOR.schema["properties"]["export"])
    for name, entry in AFTER.items():
        assert f"'{name}': {{" in text and (entry.__doc__ or "").split("\n")[0][:20] in text
