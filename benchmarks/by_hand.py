"""The lecture's ConvNet and residual networks as everyone writes them in PyTorch."""

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


class Bottleneck(nn.Module):
    """Names, order and stride as in torchvision."""

    def __init__(self, inplanes: int, planes: int, stride: int, downsample: nn.Module | None) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """`[N, inplanes, H, W]` -> `[N, 4*planes, H/stride, W/stride]`."""
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """Layers as their constructors draw them, then Kaiming's rule for the convolutions, as in torchvision.

    Args:
        depths: Blocks of each layer.
        base: Channels of the first convolution, and inside the blocks of `layer1`.
        classes: Logits of an image.
    """

    def __init__(self, depths: tuple[int, ...], base: int, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, base, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(base)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.inplanes = base
        for index, depth in enumerate(depths):
            self.add_module(f"layer{index + 1}", self._layer(base * 2**index, depth, 2 if index else 1))
        self.depths = len(depths)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(self.inplanes, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def _layer(self, planes: int, depth: int, stride: int) -> nn.Sequential:
        conv = nn.Conv2d(self.inplanes, 4 * planes, 1, stride, bias=False)
        first = Bottleneck(self.inplanes, planes, stride, nn.Sequential(conv, nn.BatchNorm2d(4 * planes)))
        self.inplanes = 4 * planes
        return nn.Sequential(first, *(Bottleneck(self.inplanes, planes, 1, None) for _ in range(depth - 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits `[N, classes]` of images `[N, 3, H, W]`."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for index in range(self.depths):
            x = self.get_submodule(f"layer{index + 1}")(x)
        return self.fc(torch.flatten(self.avgpool(x), 1))


def resnet152() -> ResNet:
    """As in torchvision."""
    return ResNet((3, 8, 36, 3), 64, 1000)
