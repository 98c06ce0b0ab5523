"""With no rewrite, a training step runs exactly the aten ops of the network written by hand."""

from __future__ import annotations

import torch
from torch import nn

from netspec.backends.torch import build
from netspec.compiler import load
from tests.backends.torch.printed import ops_of_a_step


class ByHand(nn.Module):
    """The lecture's ConvNet as everyone writes it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 20, 5)
        self.pool = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(2880, 100)
        self.fc2 = nn.Linear(100, 10)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.relu(self.conv(x)))
        return self.fc2(self.relu(self.fc1(torch.flatten(x, 1))))


def test_the_plain_network_runs_the_ops_of_the_one_written_by_hand() -> None:
    images, labels = torch.randn(8, 1, 28, 28), torch.randint(0, 10, (8,))
    found = ops_of_a_step(build(load("mnist_convnet").graph), images, labels)
    assert found == ops_of_a_step(ByHand(), images, labels)
    assert found["aten.convolution.default"] == 1
