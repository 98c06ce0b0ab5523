"""Random layers become inputs, wherever they stand; what is exported is a function of what it is given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import netspec
from netspec.backends.torch import build
from netspec.compiler import compile_source
from netspec.compiler.passes.drawn_as_inputs import drawn_as_inputs
from netspec.diagnostics import Source
from netspec.ir import Input
from netspec.ir.verify import verify

NET = """\
netspec: 1
inputs: {x: [T, 3]}
blocks:
  noisy:
    layers:
      - {name: eps, randn_like}
      - {add, from: [input, eps]}
layers:
  - {name: low, linear: 2}
  - {name: body, repeat: 2, noisy}
  - {name: last, rand_like}
  - {name: sum, add, from: [body, last]}
"""


def test_every_drawn_value_becomes_an_input_under_its_path() -> None:
    graph = compile_source(Source("net.yaml", NET)).graph
    found = drawn_as_inputs(graph)
    verify(found)
    drawn = [value for value in found.inputs if isinstance(value, Input)]
    assert [(each.name, each.sample) for each in drawn] == [
        ("body.0.eps", "normal"), ("body.1.eps", "normal"), ("last", "uniform"),
    ]  # fmt: skip
    assert [str(each.type) for each in drawn] == ["[T, 2]"] * 3
    assert not any(node.op.name in ("randn_like", "rand_like") for node in found.walk())


def test_it_computes_what_the_network_computes_with_the_same_numbers() -> None:
    graph = compile_source(Source("net.yaml", NET)).graph
    torch.manual_seed(1)
    module, pure = build(graph), build(drawn_as_inputs(graph))
    pure.load_state_dict(module.state_dict())
    x = torch.randn(5, 4, 3)
    torch.manual_seed(2)
    expected = module(x)
    torch.manual_seed(2)
    noise = [torch.randn(5, 4, 2), torch.randn(5, 4, 2), torch.rand(5, 4, 2)]
    assert torch.equal(pure(x, *noise), expected)
    assert not torch.equal(module(x), expected), "it draws anew each time, in evaluation too"


def test_a_network_without_random_layers_is_given_back() -> None:
    graph = compile_source(Source("net.yaml", "netspec: 1\ninputs: {x: [3]}\nlayers: [relu]\n")).graph
    assert drawn_as_inputs(graph) is graph


def test_the_exported_model_draws_what_it_is_not_given(tmp_path: Path) -> None:
    (tmp_path / "net.yaml").write_text(NET)
    report = netspec.export_onnx(tmp_path / "net.yaml", tmp_path / "net.onnx")
    assert report.max_abs_diff < 1e-5
    x = np.ones((6, 5, 3), np.float32)
    first, again, other = (netspec.Predictor(tmp_path / "net.onnx", seed=seed).predict(x)["sum"] for seed in (1, 1, 2))
    assert first.shape == (6, 5, 2)
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert not np.array_equal(first[0], first[1]), "each sample has its own numbers"
