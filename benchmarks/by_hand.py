"""The lecture's ConvNet as everyone writes it in PyTorch."""

from __future__ import annotations

import torch
from torch import nn


class MnistConvnet(nn.Module):
    """Contiguous layout, ReLU before the pool."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 20, 5)
        self.pool = nn.MaxPool2d(2)
        self.relu = nn.ReLU()
        self.fc1 = nn.Linear(2880, 100)
        self.fc2 = nn.Linear(100, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits `[N, 10]` of images `[N, 1, 28, 28]`."""
        x = self.pool(self.relu(self.conv(x)))
        return self.fc2(self.relu(self.fc1(torch.flatten(x, 1))))
