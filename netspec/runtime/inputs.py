"""What `netspec run` predicts from: images, folders of them, one image of an IDX file (`FILE[7]`), NPY arrays."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.data.image_file import read_image
from netspec.diagnostics import DataError

Array = NDArray[Any]

MAX_NPY_BYTES = 2**30

NPY = b"\x93NUMPY"

_INDEXED = re.compile(r"(?P<path>.+)\[(?P<index>[0-9]{1,10})\]")


def words_in(word: str) -> Iterator[str]:
    """The files of a folder, by name and with those of its folders; the word itself where it is no folder.

    Raises:
        DataError: `input-file`: a folder without files.
    """
    if not os.path.isdir(word):
        yield word
        return
    found = [str(Path(folder) / name) for folder, _, names in os.walk(word) for name in names]
    visible = sorted(name for name in found if not re.search(r"[/\\]\.", name.removeprefix(word)))
    if not visible:
        raise _wrong(word, "a folder without files")
    yield from visible


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
    with path.open("rb") as file:
        is_npy = file.read(len(NPY)) == NPY
    return _npy(path, shape) if is_npy else _image(path, shape)


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
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise _wrong(path, f"the model's input {list(shape)} is not an image; give an .npy file")
    with path.open("rb") as file:
        return read_image(file, str(path), "L" if shape[0] == 1 else "RGB", code="input-file")[None]


def _wrong(place: str | Path, message: str) -> DataError:
    return DataError.at(str(place), "input-file", message)
