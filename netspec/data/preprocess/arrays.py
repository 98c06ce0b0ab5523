"""Steps on numpy arrays: what training does to a data set once, and the predictor to each image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.data.preprocess.pipeline import Affine, split
from netspec.data.preprocess.sample import Sample, StepError
from netspec.data.preprocess.steps import ImageStep, Step
from netspec.ir import DType

Array = NDArray[Any]


def apply(steps: Sequence[Step], samples: Array, *, rank: int = 3) -> Array:
    """All steps on one sample or a batch of them.

    Args:
        steps: Steps that were checked.
        samples: `[*, channels, height, width]`, or `[*, features]` with `rank` 1.
        rank: Axes of one sample.

    Returns:
        float32 if there is a `scale` or a `normalize`, else the samples' own element type. Steps that make views put
        an axis for them before the channels.

    Raises:
        StepError: a step cannot take an image of this size.
    """
    images, affine = split(steps)
    samples = apply_images(images, samples)
    return samples if affine is None else apply_affine(affine, samples, rank=rank)


def apply_images(steps: Sequence[ImageStep], images: Array) -> Array:
    """The steps on uint8 images `[*, channels, height, width]`.

    Raises:
        StepError: a step cannot take an image of this size.
    """
    for step in steps:
        step.infer(seen(images.shape[-3:], images))
        images = step.apply(images)
    return images


def seen(shape: tuple[int, ...], samples: Array) -> Sample:
    """What the steps are to know of samples of that shape.

    Raises:
        StepError: their element type is none of netspec's.
    """
    name = str(samples.dtype)
    if name not in list(DType):
        raise StepError(f"elements of type {name}, which no step takes")
    return Sample(shape, DType(name))


def apply_affine(affine: Affine, samples: Array, *, rank: int = 3) -> NDArray[np.float32]:
    """gain * x + offset in float32, two roundings, as training does it."""
    gain, offset = (_per_channel(values, rank) for values in (affine.gain, affine.offset))
    return samples.astype(np.float32) * gain + offset


def _per_channel(values: tuple[float, ...], rank: int) -> NDArray[np.float32]:
    return np.asarray(values, np.float32).reshape(-1, *[1] * (rank - 1))
