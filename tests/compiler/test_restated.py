"""Sections of a resolved spec speak of the same values as those that were written."""

from __future__ import annotations

from netspec.compiler import compile_source
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


def test_expectations_of_a_block_are_those_of_the_layer_that_gives_its_value() -> None:
    spec = compile_source(Source("net.yaml", VALUES))
    resolved = spec_text(spec.graph, spec.document)
    assert "expect: {shapes: {a.wide: [3], c: [8]}}" in resolved
    assert "# The value of `b` has no path of its own" in resolved
    assert "loss: {mse_loss: {output: a.wide}}" in resolved


def test_a_spec_whose_expectations_moved_comes_back() -> None:
    assert_comes_back(compile_source(Source("net.yaml", VALUES)))
