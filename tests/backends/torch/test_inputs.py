"""Inputs that exist in training only: the module is called without them in evaluation, in groups and blocks too."""

from __future__ import annotations

import pytest
import torch

from netspec.backends.torch import build, emit
from netspec.compiler import compile_source
from netspec.compiler.analyses import layers
from netspec.compiler.passes.deployed import deployed
from netspec.diagnostics import Source
from netspec.ir.verify import verify

NET = """\
netspec: 1
inputs:
  target: {shape: [3], only: train}
  x: [4]
blocks:
  compare:
    inputs: [value, wanted]
    layers:
      - {name: gap, sub, from: [value, wanted]}
      - {name: twice, calc: "2 * value"}
    outputs: {twice: twice, gap: gap}
layers:
  - {name: out, linear: 3, from: x}
  - {name: both, compare, from: [out, target]}
  - name: group
    from: both
    sequence:
      - {name: kept, relu}
      - {name: beside, add, from: [kept, target]}
      - {name: end, identity, from: kept}
outputs: {value: group, gap: both.gap, beside: group.beside}
"""


@pytest.fixture
def graph():  # type: ignore[no-untyped-def]
    return compile_source(Source("net.yaml", NET)).graph


def test_training_has_them_last_and_evaluation_without_them(graph) -> None:  # type: ignore[no-untyped-def]
    assert [value.name for value in graph.inputs] == ["x", "target"]
    assert "def forward(self, x, target=None):" in emit(graph)
    module = build(graph)
    x, target = torch.randn(5, 4), torch.randn(5, 3)
    value, gap, beside = module.train()(x, target)
    out = module.out(x)
    assert torch.equal(gap, out - target) and torch.equal(value, (2 * out).relu())
    assert torch.equal(beside, (2 * out).relu() + target)
    assert torch.equal(module.eval()(x), value)


def test_the_deployed_network_lacks_what_depends_on_them(graph) -> None:  # type: ignore[no-untyped-def]
    small = deployed(graph)
    verify(small)
    assert [value.name for value in small.inputs] == ["x"] and small.output_names == ("value",)
    assert [node.path for node in small.walk()] == ["out", "both.twice", "group.kept", "group.end"]
    absent = {row.path for row in layers(graph) if row.presence != "always"}
    assert absent == {"both.gap", "group.beside"}
