"""Images in files: PNG, JPEG and BMP, told by content, with every oddity refused by name or converted by one rule.

| the file has | it becomes |
|---|---|
| 1, 8 or 8 x 3 bits (modes 1, L, P, RGB), YCbCr or CMYK | RGB or grey by Pillow's `convert` |
| transparency (RGBA, LA, PA, a transparent colour of a palette) | what shows on black |
| 16 or 32 bits a channel, several pictures, more than 16 million pixels, less data than it says | an error |

The orientation that a camera wrote down is not applied, as in torchvision.
"""

from __future__ import annotations

import warnings
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from netspec.diagnostics import DataError

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

Mode = Literal["RGB", "L"]
Pixels = NDArray[np.uint8]

FORMATS = ("PNG", "JPEG", "BMP")
#: Twenty kilobytes of PNG can hold billions of pixels.
MAX_PIXELS = 16_000_000
CHANNELS: dict[Mode, int] = {"RGB": 3, "L": 1}


def read_image(file: BinaryIO | bytes, name: str, mode: Mode, *, code: str = "data-file") -> Pixels:
    """The pixels of an image.

    Args:
        file: An open file, or its content.
        name: What messages call it.
        mode: `RGB`, or `L` for grey.
        code: The diagnostic code of what is wrong.

    Returns:
        uint8 `[channels, height, width]`.

    Raises:
        DataError: it is no image that is read, or a damaged one.
    """
    from PIL import Image, UnidentifiedImageError

    stream = BytesIO(file) if isinstance(file, bytes) else file
    try:
        with _open_quietly(stream) as image:
            _check(image, name, code)
            return _channels_first(_converted(image, mode))
    except UnidentifiedImageError:
        raise DataError.at(name, code, "not an image: neither PNG, JPEG nor BMP") from None
    except Image.DecompressionBombError:  # so many that Pillow does not say how wide and how high
        raise _too_large("far too many pixels", name, code) from None
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError.at(name, code, f"a damaged image: {str(error).lower()[:120]}") from None


def _open_quietly(stream: BinaryIO) -> Picture:
    """Only the header is read here. Pillow warns of far more pixels than are allowed anyway."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(stream, formats=FORMATS)


def _check(image: Picture, name: str, code: str) -> None:
    """Refuse before a pixel is decoded."""
    if image.width * image.height > MAX_PIXELS:
        raise _too_large(f"{image.width} x {image.height} pixels", name, code)
    if getattr(image, "n_frames", 1) > 1:
        raise DataError.at(name, code, f"an animation of {getattr(image, 'n_frames', 0)} pictures; one is read")
    if image.mode.startswith(("I", "F")):
        raise DataError.at(name, code, f"an image of mode {image.mode}; netspec reads 8 bits a channel")


def _too_large(what: str, name: str, code: str) -> DataError:
    help = "resize it once, before training"
    return DataError.at(name, code, f"{what}; the limit is {MAX_PIXELS:,}", help=help)


def _converted(image: Picture, mode: Mode) -> Picture:
    from PIL import Image

    image.load()
    if image.mode not in ("RGBA", "LA", "PA") and "transparency" not in image.info:
        return image if image.mode == mode else image.convert(mode)
    coloured = image if image.mode == "RGBA" else image.convert("RGBA")
    # The colours by their share, on a black ground: what transparent places hold is never seen.
    shown = Image.new("RGB", coloured.size)
    shown.paste(coloured, mask=coloured.getchannel("A"))
    image.close()  # two large images and an array would be too much at once
    return shown if mode == "RGB" else shown.convert(mode)


def _channels_first(image: Picture) -> Pixels:
    bands = image.getbands()
    found = np.empty((len(bands), image.height, image.width), np.uint8)
    # One band at a time: Pillow hands out bytes in pieces, which may stay with the allocator.
    for channel, band in zip(found, bands, strict=True):
        channel.reshape(-1)[:] = np.frombuffer(image.tobytes("raw", band), np.uint8)
    return found
