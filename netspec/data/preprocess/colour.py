"""Steps on the channels of an image, as Pillow does them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from netspec.data.preprocess.sample import Sample, StepError
from netspec.data.preprocess.step import ImageStep

if TYPE_CHECKING:
    from netspec.data.preprocess.step import Array


class Decode(ImageStep):
    """The channels of a decoded image, as PIL's convert(mode): `RGB` repeats a grey one, `L` is `grayscale`."""

    name = "decode"
    main = "mode"
    mode: Literal["RGB", "L"] = "RGB"

    def infer(self, x: Sample) -> Sample:
        channels, height, width = x.require_image(self.name)
        if channels not in (None, 1, 3):
            raise StepError(f"`decode` takes images of 1 or 3 channels, got {x}")
        return x.resized(3 if self.mode == "RGB" else 1, height, width)

    def apply(self, images: Array) -> Array:
        if self.mode == "L":
            return luma(images)
        return images if images.shape[-3] == 3 else images.repeat(3, axis=-3)


class Grayscale(ImageStep):
    """Luma as PIL's convert("L"): ITU-R 601-2, L = 0.299 R + 0.587 G + 0.114 B, in fixed point."""

    name = "grayscale"

    def infer(self, x: Sample) -> Sample:
        channels, height, width = x.require_image(self.name)
        if channels not in (None, 1, 3):
            raise StepError(f"`grayscale` takes images of 3 channels, got {x}")
        return x.resized(1, height, width)

    def apply(self, images: Array) -> Array:
        return luma(images)


class FlipChannels(ImageStep):
    """The channels in reverse: RGB becomes BGR, as Caffe's networks read it."""

    name = "flip_channels"

    def infer(self, x: Sample) -> Sample:
        x.require_image(self.name)
        return x

    def apply(self, images: Array) -> Array:
        return images[..., ::-1, :, :].copy()


def luma(images: Array) -> Array:
    """Grey images `[*, 1, height, width]`."""
    import numpy as np

    if images.shape[-3] == 1:
        return images
    # Pillow's L24 macro: fixed point with 16 bits, rounded.
    weights = np.array([19595, 38470, 7471], np.uint32).reshape(3, 1, 1)
    summed = (images * weights).sum(-3, dtype=np.uint32) + 0x8000
    return np.expand_dims((summed >> 16).astype(np.uint8), -3)
