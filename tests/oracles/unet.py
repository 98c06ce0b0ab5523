"""U-Net written by hand in torch, as truth for a spec: Ronneberger, Fischer and Brox 2015, figure 1.

Three things differ from the figure, as in most of its descendants: convolutions have padding 1, so that sizes are kept
and nothing is cropped; each is followed by batch normalisation (and has no bias); the input has three channels.

The state-dict keys:

| key                       | layer                                                                              |
|---------------------------|------------------------------------------------------------------------------------|
| `encoder1` ... `encoder4` | two convolutions of 64, 128, 256, 512 channels: `.0` and `.3`; norms `.1` and `.4` |
| `bottleneck`              | the same with 1024 channels                                                        |
| `up4` ... `up1`           | 2 x 2 transposed convolution of stride 2 with bias: half the channels, twice the size |
| `decoder4` ... `decoder1` | two convolutions as above; they read the encoder's map, then the upsampled one     |
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


class UNet(nn.Module):
    """(N, in_channels, H, W) -> (N, classes, H, W), for H and W that are multiples of 16."""

    def __init__(self, in_channels: int = 3, classes: int = 2, width: int = 64) -> None:
        super().__init__()
        self.encoder1 = double_conv(in_channels, width)
        self.encoder2 = double_conv(width, 2 * width)
        self.encoder3 = double_conv(2 * width, 4 * width)
        self.encoder4 = double_conv(4 * width, 8 * width)
        self.bottleneck = double_conv(8 * width, 16 * width)
        self.up4 = nn.ConvTranspose2d(16 * width, 8 * width, kernel_size=2, stride=2)
        self.decoder4 = double_conv(16 * width, 8 * width)
        self.up3 = nn.ConvTranspose2d(8 * width, 4 * width, kernel_size=2, stride=2)
        self.decoder3 = double_conv(8 * width, 4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, kernel_size=2, stride=2)
        self.decoder2 = double_conv(4 * width, 2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, kernel_size=2, stride=2)
        self.decoder1 = double_conv(2 * width, width)
        self.head = nn.Conv2d(width, classes, kernel_size=1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, image: Tensor) -> Tensor:
        """The scores of each class at each pixel."""
        encoder1 = self.encoder1(image)
        encoder2 = self.encoder2(self.pool(encoder1))
        encoder3 = self.encoder3(self.pool(encoder2))
        encoder4 = self.encoder4(self.pool(encoder3))
        x = self.bottleneck(self.pool(encoder4))
        x = self.decoder4(torch.cat([encoder4, self.up4(x)], dim=1))
        x = self.decoder3(torch.cat([encoder3, self.up3(x)], dim=1))
        x = self.decoder2(torch.cat([encoder2, self.up2(x)], dim=1))
        x = self.decoder1(torch.cat([encoder1, self.up1(x)], dim=1))
        return self.head(x)
