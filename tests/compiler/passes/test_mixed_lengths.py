"""Recurrent layers with mixed lengths: ONNX Runtime is PyTorch, and a sample in a batch is the sample alone."""

from __future__ import annotations

import numpy as np
import onnxruntime as ort
import pytest
import torch

from netspec.backends.onnx import lower
from tests.compiler.passes.test_masks import network, spec_of

LAYERS = ["rnn", "gru", "lstm", "projected", "final states", "last state", "scan", "backward scan", "scan and step"]


@pytest.mark.parametrize("name", LAYERS)
def test_at_any_length_and_batch(name: str) -> None:
    spec = spec_of(name, least=1)
    module = network(spec)
    model = lower(spec.graph, {key: value.numpy() for key, value in module.state_dict().items()})
    run = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    for size in (1, 2, 7, 33):
        for batch in (1, 2, 7):
            x = torch.randn(batch, size, 6, generator=generator)
            lengths = torch.randint(1, size + 1, (batch,), generator=generator)
            lengths[-1] = size
            inside = torch.arange(size) < lengths[:, None]
            x[~inside] = float("nan")
            [found] = run.run(None, {"x": x.numpy(), "n_x": lengths.numpy()})
            with torch.no_grad():
                expected = module(x, lengths)
                alone = [module(row[None, :length], length[None])[0] for row, length in zip(x, lengths, strict=True)]
            for i, row in enumerate(alone):
                has_steps = 1 in spec.graph.outputs[0].type.valid
                cut = slice(0, int(lengths[i])) if has_steps else slice(None)
                np.testing.assert_allclose(found[i][cut], expected[i][cut], rtol=1e-4, atol=1e-5)
                torch.testing.assert_close(expected[i][cut], row, rtol=1e-4, atol=1e-5)
