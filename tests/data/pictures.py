"""Small images for the tests of readers, as files and as content."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image


def noise(height: int, width: int, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Random bytes, `[height, width, channels]`."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    """The content of an image file."""
    stream = BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def png(pixels: np.ndarray) -> bytes:
    """Pixels `[height, width, 3]` or `[height, width]`, kept bit by bit."""
    return encoded(Image.fromarray(pixels))


def write_classes(folder: Path, counts: dict[str, int], size: tuple[int, int] = (8, 8)) -> dict[str, list[np.ndarray]]:
    """A folder of PNG files for each class; the pixels by class."""
    written: dict[str, list[np.ndarray]] = {}
    for number, (name, count) in enumerate(counts.items()):
        (folder / name).mkdir(parents=True)
        written[name] = [noise(*size, seed=100 * number + index) for index in range(count)]
        for index, pixels in enumerate(written[name]):
            (folder / name / f"{index:03}.png").write_bytes(png(pixels))
    return written


def refusal(action: object, *arguments: object) -> str:
    """`place: message` of the one thing that is wrong, with its code before it."""
    from netspec.diagnostics import NetspecError

    try:
        action(*arguments)  # type: ignore[operator]
    except NetspecError as error:
        (found,) = error.diagnostics
        assert found.place
        return f"{found.code} {found.place}: {found.message}"
    raise AssertionError("nothing was refused")
