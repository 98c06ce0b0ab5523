"""Layers by the schema: what it takes and refuses, in files with and without blocks."""

from __future__ import annotations

import pytest

from netspec.compiler.initializers import INITIALIZERS
from netspec.compiler.schema import json_schema
from netspec.lang.layers import BESIDE, MODIFIERS, STRUCTURAL
from netspec.ops.registry import ops
from tests.compiler.schema.judge import SPEC, VALIDATOR, WITH_BLOCK, is_valid, tree

# `calc` is a word of the language; the op behind it has attributes that no spec writes.
EXAMPLES = [(name, each.layer) for name, op in ops().items() if name not in STRUCTURAL for each in op.examples]


@pytest.mark.parametrize("example", EXAMPLES, ids=str)
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
        "{batch_norm: {momentum: none}}",
        "{batch_norm: {momentum: 'none'}}",
        "{softmax: {dim: T}}",
        "{reshape: [-1, T]}",
        "{name: 3, repeat: 4, linear: 8}",
        "{name: 'a{i+1}', repeat: {i: =depth}, linear: =width}",
        "{repeat: {width: [64, 128], stride: [1, 2]}, linear: =width}",
        "{when: =depth > 50, relu}",
        "{only: train, freeze: true, linear: 3}",
        "{linear: 3, init: zeros}",
        "{linear: 3, init: {normal: {std: 0.01}}}",
        "{linear: 3, init: {constant: 0}}",
        "{linear: 3, init: {weight: {kaiming_normal: {mode: fan_out}}, bias: {chunks: [zeros, ones]}}}",
        "{linear: 3, init: {chunks: [zeros, {constant: =depth}]}}",
        "{linear: 3, tie: {weight: embed.weight, bias: {to: a.bias, transpose: true}}}",
        "{call: a}",
        "{call: 0, from: x}",
        "{op: =act}",
        "{op: relu}",
        "{use: other.yaml}",
        "{use: other.yaml, until: avgpool, args: {classes: =n}, weights: {file: a.npz, skip: [{op: linear}, 'h.*']}}",
        "{calc: 'a * b + 1'}",
        "{parallel: {a: [], b: [{linear: 3}, relu], c: {linear: 3}, d: relu}, join: concat}",
        "{parallel: {a: [relu], b: [tanh]}, join: {concat: 1}}",
    ],
)
def test_layers_that_it_takes(layer: str) -> None:
    VALIDATOR.validate(tree(SPEC.format(layer=layer)))
    assert is_valid(WITH_BLOCK.format(layer=layer))


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
        "{sequence: }",
        "{name: none, relu}",
        "{name: forward, relu}",
        "{name: __a, relu}",
        "{each: [T], relu}",
        "{repeat: -1, relu}",
        "{repeat: {}, relu}",
        "{repeat: {i j: 3}, relu}",
        "{when: depth > 50, relu}",
        "{only: eval, relu}",
        "{freeze: 1, relu}",
        "{linear: 3, init: normall}",
        "{linear: 3, init: constant}",
        "{linear: 3, init: {normal: {sdt: 0.01}}}",
        "{linear: 3, init: {normal: {std: wide}}}",
        "{linear: 3, init: {weight: {normal: {}, zeros: }}}",
        "{linear: 3, init: {weight: {chunks: []}}}",
        "{linear: 3, tie: weight}",
        "{linear: 3, tie: {weight: {from: a.weight}}}",
        "{call: [a]}",
        "{scan: cell}",
        "{scan: {cell: c, state: 8}}",
        "{scan: {cell: {c: {}, d: {}}}}",
        "{scan: {cell: c, sate: {h: 8}}}",
        "{scan: {state: {h: 8}}}",
        "{scan: {cell: c, state: {h: {size: 8}}}}",
        "{op: }",
        "{use: {file: a.yaml}}",
        "{use: a.yaml, weights: {fle: a.npz}}",
        "{relu, until: a}",
        "{relu, join: concat}",
        "{calc: 3}",
        "{parallel: {}}",
        "{parallel: [relu]}",
        "{parallel: {a b: relu}}",
    ],
)
def test_layers_that_it_refuses(layer: str) -> None:
    assert not is_valid(SPEC.format(layer=layer))


BLOCK_USES = ["twice", "{twice: }", "{twice: 3}", "{twice: {width: =w}, name: a, repeat: 3, from: x}", "{twice: [1]}"]


@pytest.mark.parametrize("layer", BLOCK_USES)
def test_a_block_is_a_layer_where_the_file_may_have_one(layer: str) -> None:
    assert is_valid(WITH_BLOCK.format(layer=layer))
    assert is_valid(f"{{netspec: 1, extends: other.yaml, layers: [{layer}]}}")
    assert is_valid(WITH_BLOCK.format(layer=f"{{sequence: [{layer}]}}"))
    assert not is_valid(SPEC.format(layer=layer))


@pytest.mark.parametrize(
    "layer",
    [
        "linear",
        "3",
        "[relu]",
        "{}",
        "{name: a}",
        "{relu, tanh}",
        "{relu, twice}",
        "{linear: 8, nmae: a}",
        "{linear: {out_feature: 10}}",
        "{linear: 0}",
        "{conv: {out_channels: 8}}",
        "{name: a, twice: 3, only: eval}",
        "{name: 'a b', twice: 3}",
        "{torch.nn.Linear: 3}",
        "{relu, until: a}",
        "{each: [T], relu}",
        "{each: [T], twice: 3}",
        "{sequence: [{linear: {out_feature: 10}}]}",
    ],
)
def test_what_is_wrong_with_a_known_op_is_wrong_beside_blocks_too(layer: str) -> None:
    assert not is_valid(WITH_BLOCK.format(layer=layer))


def test_every_word_of_layers_has_a_form_or_is_for_later() -> None:
    layer = json_schema()["definitions"]["layer"]["anyOf"][1]["properties"]
    words = {*MODIFIERS, *STRUCTURAL, *(key for keys in BESIDE.values() for key in keys)}
    assert words <= layer.keys()
    assert layer.keys() - words == ops().keys() - set(STRUCTURAL)


@pytest.mark.parametrize("name", INITIALIZERS)
def test_every_initializer_is_a_rule(name: str) -> None:
    argument = "3" if name == "constant" else "{}"
    assert is_valid(SPEC.format(layer=f"{{linear: 3, init: {{{name}: {argument}}}}}"))
    assert not is_valid(SPEC.format(layer=f"{{linear: 3, init: {{{name}: {{nothing: 3}}}}}}"))


def test_defaults_and_bounds_come_from_the_ops() -> None:
    conv = json_schema()["definitions"]["op_conv"]
    mapping = next(form for form in conv["anyOf"] if form.get("type") == "object")
    assert mapping["required"] == ["out_channels", "kernel_size"]
    assert mapping["properties"]["stride"]["default"] == 1
    assert "default" not in mapping["properties"]["kernel_size"]
    assert mapping["properties"]["groups"]["anyOf"][0] == {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}
