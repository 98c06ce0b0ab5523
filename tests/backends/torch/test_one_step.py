"""One step of a cell that gives one value under two names: it is given once, and read under both."""

from __future__ import annotations

import numpy as np
import torch

from netspec.backends.onnx.lower import lower
from netspec.backends.onnx.sessions import session
from netspec.backends.torch import build
from netspec.compiler import compile_source
from netspec.diagnostics import Source

NET = """\
netspec: 1
inputs: {x: [T, 4], y: [4]}
blocks:
  cell:
    inputs: [x, h]
    layers:
      - {name: xh, concat, from: [x, h]}
      - {name: W, linear: 3}
      - tanh
    outputs: {h: 2, again: 2}
layers:
  - {name: rnn, scan: {cell: cell, over: T, state: {h: 3}, emit: [h, again]}, from: x}
  - {name: s, call: rnn.step, from: {x: y}}
  - {name: doubled, calc: "2 * a", from: {a: s.h}}
  - {name: z, calc: "a + b", from: {a: doubled, b: s.again}}
"""


def test_a_value_of_two_names_is_read_under_both() -> None:
    graph = compile_source(Source("net.yaml", NET)).graph
    module = build(graph).eval()
    x, y = torch.randn(2, 5, 4), torch.randn(2, 4)
    expected = 3 * torch.tanh(module.rnn.W(torch.cat([y, torch.zeros(2, 3)], dim=1)))
    torch.testing.assert_close(module(x, y), expected)
    state = {key: tensor.numpy() for key, tensor in module.state_dict().items()}
    [found] = session(lower(graph, state).SerializeToString()).run(None, {"x": x.numpy(), "y": y.numpy()})
    np.testing.assert_allclose(found, expected.detach().numpy(), rtol=0, atol=1e-6)
