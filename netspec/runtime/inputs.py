"""What `netspec run` predicts from: images, one image of an IDX file (`FILE[7]`), NPY arrays."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.diagnostics import DataError

Array = NDArray[Any]

# Twenty kilobytes of PNG can hold billions of pixels.
MAX_PIXELS = 16_000_000
MAX_NPY_BYTES = 2**30

_INDEXED = re.compile(r"(?P<path>.+)\[(?P<index>[0-9]{1,10})\]")


def read_samples(word: str, shape: tuple[Any, ...]) -> Array:
    """The samples that a word on the command line names, `[N, *]`.

    Args:
        word: `digit.png`, `photo.jpg`, `t10k-images-idx3-ubyte.gz[7]`, `batch.npy`.
        shape: The model's input, per sample: it says whether an image is read as greyscale or in colour.

    Raises:
        DataError: `input-file` or `data-file`, naming the file, what was expected and what was found.
    """
    indexed = _INDEXED.fullmatch(word)
    if indexed:
        return _idx(indexed["path"], int(indexed["index"]))
    path = Path(word)
    if not path.is_file():
        raise _wrong(word, "no such file")
    if path.suffix == ".npy":
        return _npy(path, shape)
    return _image(path, shape)


def _idx(name: str, index: int) -> Array:
    from netspec.data.idx_file import read
    from netspec.lang.folder import Folder

    path = Path(name)
    header, data = read(path.name, Folder(path.parent))
    if index >= header.shape[0]:
        raise _wrong(name, f"the file has {header.shape[0]:,} samples, numbered from 0; there is no {index}")
    samples: Array = np.frombuffer(data, np.uint8).reshape(header.shape)[index]
    return samples[None, None] if samples.ndim == 2 else samples[None]


def _npy(path: Path, shape: tuple[Any, ...]) -> Array:
    if path.stat().st_size > MAX_NPY_BYTES:
        raise _wrong(path, f"larger than {MAX_NPY_BYTES:,} bytes")
    try:
        # A memory map allocates nothing for what the header claims, and object arrays would run code.
        array: Array = np.array(np.load(path, mmap_mode="r", allow_pickle=False))
    except (ValueError, OSError, EOFError, MemoryError, OverflowError, SyntaxError) as error:
        raise _wrong(path, f"not a readable NPY file: {str(error).splitlines()[0][:120]}") from None
    if array.dtype.kind not in "fiub":
        raise _wrong(path, f"elements of type {array.dtype}, expected numbers")
    if array.ndim == len(shape) - 1:
        array = array[None]  # a greyscale image without its channel
    return array[None] if array.ndim == len(shape) else array


def _image(path: Path, shape: tuple[Any, ...]) -> Array:
    from PIL import Image, UnidentifiedImageError

    if len(shape) != 3 or shape[0] not in (1, 3):
        raise _wrong(path, f"the model's input {list(shape)} is not an image; give an .npy file")
    mode = "L" if shape[0] == 1 else "RGB"
    try:
        with _open_quietly(path) as image:
            if image.width * image.height > MAX_PIXELS:
                raise _wrong(path, f"{image.width} x {image.height} pixels; the limit is {MAX_PIXELS:,}")
            pixels = np.asarray(_flatten(image, path).convert(mode))
    except UnidentifiedImageError:
        raise _wrong(path, "neither PNG nor JPEG, IDX (`FILE[INDEX]`) nor NPY (`FILE.npy`)") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _wrong(path, f"a damaged image: {str(error).lower()[:120]}") from None
    channels_first: Array = pixels[None] if mode == "L" else pixels.transpose(2, 0, 1)
    return channels_first[None]


def _open_quietly(path: Path) -> Any:
    """Only the header is read here. Pillow warns of far more pixels than are allowed anyway."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        return Image.open(path, formats=("PNG", "JPEG"))


def _flatten(image: Any, path: Path) -> Any:
    """Transparency on black, as the background of MNIST; 16-bit images would lose what they hold."""
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        raise _wrong(path, f"an image of mode {image.mode}; netspec reads 8 bits a channel")
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        coloured = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", coloured.size, "black"), coloured)
    image.load()
    return image


def _wrong(place: str | Path, message: str) -> DataError:
    return DataError.at(str(place), "input-file", message)
