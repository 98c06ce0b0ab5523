"""With no rewrite, a training step runs exactly the aten ops of the network written by hand."""

from __future__ import annotations

from collections import Counter

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from netspec.backends.torch import build
from netspec.compiler import load


class Recorder(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.ops: Counter[str] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        self.ops[str(func)] += 1
        return func(*args, **(kwargs or {}))


def ops_of_a_step(module: nn.Module) -> Counter[str]:
    torch.manual_seed(0)
    images, labels = torch.randn(8, 1, 28, 28), torch.randint(0, 10, (8,))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    with Recorder() as recorder:
        optimizer.zero_grad()
        nn.functional.cross_entropy(module(images), labels).backward()
        optimizer.step()
    return recorder.ops


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
    found = ops_of_a_step(build(load("mnist_convnet").graph))
    assert found == ops_of_a_step(ByHand())
    assert found["aten.convolution.default"] == 1
