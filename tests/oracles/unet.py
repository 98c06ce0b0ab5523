"""U-Net written by hand in torch, as truth for a spec: Ronneberger, Fischer and Brox 2015, figure 1.

Three things differ from the figure, as in most of its descendants: convolutions have padding 1, so that sizes are kept
and nothing is cropped; each is followed by batch normalisation (and has no bias); the input has three channels.

The state-dict keys:

| key                       | layer                                                                              |
|---------------------------|------------------------------------------------------------------------------------|
| `encoder1` ... `encoder4` | two convolutions of 64, 128, 256, 512 channels: `.0` and `.3`; norms `.1` and `.4` |
| `bottleneck`              | the same with 1024 channels                                                        |
| `decoder4` ... `decoder1` | `.up`: 2 x 2 transposed convolution of stride 2 with bias, half the channels       |
|                           | `.conv`: two convolutions as above of the encoder's map and, after it, the raised  |
| `head`                    | 1 x 1 convolution with bias, a channel for each class                              |
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def double_conv(in_channels: int, width: int) -> nn.Sequential:
    """Two 3 x 3 convolutions, each with normalisation and relu: (in_channels, H, W) -> (width, H, W)."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
    )


class Expand(nn.Module):
    """One step of the way up: (2 * width, H, W), (width, 2H, 2W) -> (width, 2H, 2W)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(2 * width, width, kernel_size=2, stride=2)
        self.conv = double_conv(2 * width, width)

    def forward(self, coarse: Tensor, bridge: Tensor) -> Tensor:
        """What the encoder had at this size, beside what comes from below."""
        return self.conv(torch.cat([bridge, self.up(coarse)], dim=1))


class UNet(nn.Module):
    """(N, in_channels, H, W) -> (N, classes, H, W), for H and W that are multiples of 16."""

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 64) -> None:
        super().__init__()
        self.encoder1 = double_conv(in_channels, width)
        self.encoder2 = double_conv(width, 2 * width)
        self.encoder3 = double_conv(2 * width, 4 * width)
        self.encoder4 = double_conv(4 * width, 8 * width)
        self.bottleneck = double_conv(8 * width, 16 * width)
        self.decoder4 = Expand(8 * width)
        self.decoder3 = Expand(4 * width)
        self.decoder2 = Expand(2 * width)
        self.decoder1 = Expand(width)
        self.head = nn.Conv2d(width, classes, kernel_size=1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> Tensor:
        """The scores of each class at each pixel."""
        encoder1 = self.encoder1(image)
        encoder2 = self.encoder2(self.pool(encoder1))
        encoder3 = self.encoder3(self.pool(encoder2))
        encoder4 = self.encoder4(self.pool(encoder3))
        x = self.bottleneck(self.pool(encoder4))
        x = self.decoder4(x, encoder4)
        x = self.decoder3(x, encoder3)
        x = self.decoder2(x, encoder2)
        x = self.decoder1(x, encoder1)
        return self.head(x)
