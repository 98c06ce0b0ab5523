"""Sections of a resolved spec speak of the same values as those that were written."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import netspec
from netspec.compiler import compile_source, load
from netspec.compiler.resolved import spec_text
from netspec.diagnostics import Source
from tests.compiler.test_resolved import assert_comes_back

VALUES = """\
netspec: 1
inputs: {x: [8]}
blocks:
  two:
    layers: [{name: wide, linear: 3}, {name: low, linear: 1}]
    outputs: {wide: wide, low: low}
  halves:
    layers: [{name: h, chunk: 2}, {name: low, linear: 1}]
    outputs: {right: h.1, low: low}
layers:
  - {name: a, two}
  - {name: b, halves, from: x}
  - {name: c, relu, from: x}
expect: {shapes: {a: [3], b: [4], c: [8]}}
train: {data: {mnist: {}}, loss: {mse_loss: {output: a}}, epochs: 1}
"""

TRUNK = """\
netspec: 1
inputs: {x: [4]}
layers: [{name: a, linear: 4}, {name: fc, linear: 3}]
weights: {file: t.npz, rename: {b: a}, skip: [a.bias]}
"""
NET = """\
netspec: 1
inputs: {x: [4]}
layers: [{name: trunk, use: parts/trunk.yaml, until: a}, relu]
weights: [{file: own.npz, skip: [trunk.a.bias]}]
"""


def test_expectations_of_a_block_are_those_of_the_layer_that_gives_its_value() -> None:
    spec = compile_source(Source("net.yaml", VALUES))
    resolved = spec_text(spec.graph, spec.document)
    assert "expect: {shapes: {a.wide: [3], b.h.1: [4], c: [8]}}" in resolved
    assert "loss: {mse_loss: {output: a.wide}}" in resolved


def test_a_spec_whose_expectations_moved_comes_back() -> None:
    assert_comes_back(compile_source(Source("net.yaml", VALUES)))


def test_words_of_blocks_are_paths_wherever_they_stand() -> None:
    text = (
        VALUES[: VALUES.index("expect")]
        + """\
outputs: {small: a.low, b.all: b.right}
train:
  data: {mnist: {}}
  updates: [{name: one, loss: [{mse_loss: {output: b.right, target: b.low}}, {value: a.wide}]}]
  stages: [{metrics: {mae: {output: b.right, target: a.low}}}]
export: {graphs: {part: {inputs: [x], outputs: [b.right, a]}}}
"""
    )
    spec = compile_source(Source("net.yaml", text))
    resolved = spec_text(spec.graph, spec.document)
    assert "outputs: {small: a, b.all: b.h.1}" in resolved
    assert "{mse_loss: {output: b.h.1, target: b}}, {value: a.wide}" in resolved
    assert "{mae: {output: b.h.1, target: a}}" in resolved
    assert "outputs: [b.h.1, a.wide]" in resolved
    again = compile_source(Source("resolved.yaml", resolved))
    assert again.graph.output_names == spec.graph.output_names == ("small", "b.all")
    assert [(*value.type.shape,) for value in again.graph.outputs] == [(1,), (4,)]


def test_weights_of_a_used_spec_are_those_of_its_part(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "trunk.yaml").write_text(TRUNK)
    (tmp_path / "net.yaml").write_text(NET)
    spec = load(tmp_path / "net.yaml")
    resolved = spec_text(spec.graph, spec.document, spec.weights)
    expected = """\
weights:
  - {file: parts/t.npz, of: trunk, rename: {b: a}, skip: [trunk.a.bias, trunk.fc]}
  - {file: own.npz, skip: [trunk.a.bias]}
"""
    assert resolved.endswith(expected)
    (tmp_path / "again.yaml").write_text(resolved)
    again = load(tmp_path / "again.yaml")
    weights = {"b.weight": np.full((4, 4), 2.0, np.float32), "b.bias": np.ones(4, np.float32)}
    np.savez(tmp_path / "parts" / "t.npz", **weights, **{"fc.weight": np.ones((3, 4), np.float32)})
    np.savez(tmp_path / "own.npz", **{"trunk.a.weight": np.full((4, 4), 3.0, np.float32)})
    for each in (spec, again):
        state = netspec.build(each).state_dict()
        assert (state["trunk.a.weight"] == 3).all()
