"""Every recurrent network of the lecture computes in ONNX Runtime what it computes in PyTorch, at many lengths."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import netspec
from netspec.backends.onnx import lower
from netspec.backends.onnx.parity import session
from netspec.backends.torch import build
from netspec.compiler.passes import rewrite
from netspec.ir import evaluate, symbols_of

SPECS = [
    "vanilla_rnn", "vanilla_rnn biases=1", "lstm", "lstm_from_gates", "lstm_1997", "lstm_peephole", "gru",
    "rnn_one_to_one", "rnn_one_to_many", "rnn_many_to_one", "rnn_many_to_many", "rnn_synced",
]  # fmt: skip


@pytest.mark.parametrize("text", SPECS)
def test_onnx_runtime_and_pytorch_agree(text: str) -> None:
    torch.manual_seed(0)
    name, *settings = text.split()
    graph = netspec.load(name, settings=settings).graph
    module = build(rewrite(graph)).eval()
    model = lower(graph, {key: value.detach().numpy() for key, value in module.state_dict().items()})
    run = session(model.SerializeToString())
    [value] = graph.inputs
    for steps in (1, 2, 7, 33):
        shape = [evaluate(size, {each.name: steps for each in symbols_of(size)}) for size in value.type.shape]
        for batch in (1, 2, 7):
            x = torch.randn(batch, *shape)
            with torch.no_grad():
                expected = module(x)
            [found] = run.run(None, {value.name: x.numpy()})
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)
