"""Recurrent layers and scans in ONNX Runtime: the same as in PyTorch, at several lengths and batch sizes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from netspec.backends.onnx import lower
from netspec.backends.onnx.parity import session
from netspec.backends.torch import build
from netspec.compiler import compile_source
from netspec.diagnostics import Source
from netspec.ir import Graph, evaluate, symbols_of
from tests.compiler.cells.spellings import OTHERS, SAME, spec

STEPS = """
netspec: 1
inputs: {x: [3], seq: [T, 3]}
blocks:
  cell:
    inputs: [h]
    layers:
      - {linear: 3, from: h}
      - tanh
  outer:
    inputs: [x, s]
    layers:
      - {name: inner, scan: {cell: cell, steps: 2, state: {h: 3}}, from: {h: s}}
      - {name: m, calc: "inner.h + x"}
    outputs: {s: m}
layers:
  - {name: rnn, scan: {cell: cell, steps: 5, state: {h: 3}, emit: h}, from: {h: x}}
  - {name: nested, scan: {cell: outer, state: {s: 3}, emit: s, reverse: true}, from: seq}
outputs: [rnn, nested, nested.s]
"""
OPS = """
netspec: 1
inputs: {x: [T, 3], y: [3], h: [2, 4], c: [2, 4]}
layers:
  - {name: both, lstm: {hidden_size: 4, bidirectional: true}, from: x}
  - {name: a, lstm: {hidden_size: 4, num_layers: 2}, from: {input: both, h: both.h, c: both.c}}
  - {name: g, gru: {hidden_size: 4, num_layers: 2, bidirectional: true}, from: a}
  - {name: b, lstm: {hidden_size: 4, num_layers: 2}, from: x}
  - {name: s, call: b.step, from: {input: y, h: h, c: c}}
  - {name: s0, call: b.step, from: y}
outputs: {a: a, g: g, gl: g.last, b: b, s: s, sh: s.h, s0: s0, s0c: s0.c}
"""
ATTENTION = (Path(__file__).parents[2] / "golden/good/scan.yaml").read_text("utf-8")
SPELLINGS = {name: spec(layers) for name, (_, layers) in SAME.items()}
BACKWARD = spec(SAME["gru, as PyTorch writes it"][1]).replace("emit: h", "emit: h, reverse: true")
CASES = {
    **SPELLINGS,
    "a recognised cell backward": BACKWARD,
    "steps and nested": STEPS,
    "ops and their steps": OPS,
    "attention, learned and given states": ATTENTION,
    "a near miss": spec(OTHERS["lstm with peepholes"]),
}


@pytest.fixture(scope="module", params=CASES.values(), ids=CASES)
def graph(request: pytest.FixtureRequest) -> Graph:
    return compile_source(Source("test.yaml", request.param)).graph


def test_onnx_runtime_computes_what_pytorch_does(graph: Graph) -> None:
    torch.manual_seed(0)
    module = build(graph).eval()
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.5)
    model = lower(graph, {key: value.detach().numpy() for key, value in module.state_dict().items()})
    onnx.checker.check_model(model, full_check=True)
    run = session(model.SerializeToString())
    for steps, batch in ((1, 1), (1, 7), (2, 2), (7, 1), (7, 7), (33, 2)):
        inputs = {value.name: torch.randn(batch, *sizes(value.type.shape, steps)) for value in graph.inputs}
        with torch.no_grad():
            expected = module(*inputs.values())
        found = run.run(list(graph.output_names), {name: value.numpy() for name, value in inputs.items()})
        for name, a, b in zip(graph.output_names, found, expected, strict=True):
            assert a.shape == tuple(b.shape), name
            np.testing.assert_allclose(a, b.numpy(), rtol=1e-5, atol=1e-5, err_msg=name)


def sizes(shape: tuple[object, ...], steps: int) -> list[int]:
    return [evaluate(size, {each.name: steps for each in symbols_of(size)}) for size in shape]  # type: ignore[arg-type]


def test_the_nodes_of_a_cell_stand_in_the_body_under_their_paths() -> None:
    spec = compile_source(Source("test.yaml", STEPS))
    state = {key: value.detach().numpy() for key, value in build(spec.graph).state_dict().items()}
    nodes = {node.name: node for node in lower(spec.graph, state).graph.node}
    assert nodes["rnn"].op_type == nodes["nested"].op_type == "Scan"
    [body] = [each.g for each in nodes["nested"].attribute if each.name == "body"]
    assert {"nested.inner", "nested.m"} <= {node.name for node in body.node}


@pytest.mark.parametrize(
    ("name", "op_type"),
    [("lstm, a linear for each gate", "LSTM"), ("gru, a step towards the candidate", "GRU"), ("rnn, relu", "RNN")],
)
def test_a_recognised_cell_is_onnxs_own_layer(name: str, op_type: str) -> None:
    graph = compile_source(Source("test.yaml", SPELLINGS[name])).graph
    state = {key: value.detach().numpy() for key, value in build(graph).state_dict().items()}
    kinds = [node.op_type for node in lower(graph, state).graph.node]
    assert kinds.count(op_type) == 1 and "Scan" not in kinds
    assert {each.name for each in lower(graph, state).graph.initializer} >= set(state)
