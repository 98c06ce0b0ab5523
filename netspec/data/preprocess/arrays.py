"""Steps on numpy arrays: what training does to a data set once, and the predictor to each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.data.preprocess.pipeline import Affine, split
from netspec.data.preprocess.sample import Sample, StepError
from netspec.data.preprocess.steps import CenterCrop, Grayscale, Resize, Step
from netspec.ir import DType

Array = NDArray[Any]


def apply(steps: Sequence[Step], samples: Array, *, rank: int = 3) -> Array:
    """All steps on one sample or a batch of them.

    Args:
        steps: Steps that were checked.
        samples: `[*, channels, height, width]`, or `[*, features]` with `rank` 1.
        rank: Axes of one sample.

    Returns:
        float32 if there is a `scale` or a `normalize`, else the samples' own element type.

    Raises:
        StepError: a step cannot take an image of this size.
    """
    images, affine = split(steps)
    samples = apply_images(images, samples)
    return samples if affine is None else apply_affine(affine, samples, rank=rank)


def apply_images(steps: Sequence[Step], images: Array) -> Array:
    """The steps on uint8 images `[*, channels, height, width]`.

    Raises:
        StepError: a step cannot take an image of this size.
    """
    for step in steps:
        step.infer(Sample(images.shape[-3:], DType(str(images.dtype))))
        images = _image_step(step, images)
    return images


def apply_affine(affine: Affine, samples: Array, *, rank: int = 3) -> NDArray[np.float32]:
    """gain * x + offset in float32, two roundings, as training does it."""
    gain, offset = (_per_channel(values, rank) for values in (affine.gain, affine.offset))
    return samples.astype(np.float32) * gain + offset


def _per_channel(values: tuple[float, ...], rank: int) -> NDArray[np.float32]:
    return np.asarray(values, np.float32).reshape(-1, *[1] * (rank - 1))


def _image_step(step: Step, images: Array) -> Array:
    if isinstance(step, Grayscale):
        return _grayscale(images)
    if isinstance(step, CenterCrop):
        top, left = step.corner(*images.shape[-2:])
        height, width = step.infer(Sample(images.shape[-3:], DType.UINT8)).shape[1:]
        return images[..., top : top + (height or 0), left : left + (width or 0)]
    if isinstance(step, Resize):
        return _resize(step, images)
    raise StepError(f"`{step.name}` is no step on images")


def _grayscale(images: Array) -> Array:
    if images.shape[-3] == 1:
        return images
    # Pillow's L24 macro: fixed point with 16 bits, rounded.
    weights = np.array([19595, 38470, 7471], np.uint32).reshape(3, 1, 1)
    luma = ((images * weights).sum(-3, dtype=np.uint32) + 0x8000) >> 16
    return np.expand_dims(luma.astype(np.uint8), -3)


def _resize(step: Resize, images: Array) -> Array:
    from PIL import Image

    height, width = step.target(*images.shape[-2:])
    method = Image.Resampling[step.interpolation.upper()]
    planes = images.reshape(-1, *images.shape[-2:])
    # Pillow resamples each band by itself, so a plane at a time is the same.
    resized = [np.asarray(Image.fromarray(plane).resize((width, height), method)) for plane in planes]
    return np.stack(resized).reshape(*images.shape[:-2], height, width)
