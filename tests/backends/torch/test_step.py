"""With no rewrite, a training step runs exactly the aten ops of the network written by hand."""

from __future__ import annotations

import torch

from benchmarks.by_hand import MnistConvnet
from benchmarks.step import ops_of_a_step
from netspec.backends.torch import build
from netspec.compiler import load


def test_the_plain_network_runs_the_ops_of_the_one_written_by_hand() -> None:
    images, labels = torch.randn(8, 1, 28, 28), torch.randint(0, 10, (8,))
    found = ops_of_a_step(build(load("mnist_convnet").graph), images, labels)
    assert found == ops_of_a_step(MnistConvnet(), images, labels)
    assert found["aten.convolution.default"] == 1
