"""Image files -> one array, each file decoded and brought to its size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from netspec.data.image_column import ImageFiles
from netspec.data.image_file import Pixels
from netspec.data.preprocess.arrays import apply_images
from netspec.data.preprocess.sample import StepError
from netspec.data.preprocess.steps import ImageStep
from netspec.diagnostics import DataError


def decode(files: ImageFiles, steps: Sequence[ImageStep]) -> Pixels:
    """All images, uint8 `[N, channels, height, width]`, after the steps.

    Raises:
        DataError: `data-file`; `data-value`: an image that a step cannot take, or of another size than the first.
    """
    first = read(files, 0, steps)
    found = np.empty((len(files), *first.shape), np.uint8)
    for index in range(len(files)):
        found[index] = same_size(read(files, index, steps), first, files.name(index))
    return found


def read(files: ImageFiles, index: int, steps: Sequence[ImageStep]) -> Pixels:
    """One image after the steps.

    Raises:
        DataError: `data-file`, `data-value`, naming the file.
    """
    try:
        return apply_images(steps, files.read(index))
    except StepError as error:
        raise DataError.at(files.name(index), "data-value", str(error)) from None


def same_size(image: Pixels, first: Pixels, name: str) -> Pixels:
    """The image, which has the size of those before it.

    Raises:
        DataError: `data-value`: it has another one.
    """
    if image.shape != first.shape:
        message = f"an image of {list(image.shape)} beside images of {list(first.shape)}"
        help = "bring them to one size: `preprocess: [{resize: 256}, {center_crop: 224}]`"
        raise DataError.at(name, "data-value", message, help=help)
    return image
