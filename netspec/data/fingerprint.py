"""A name for samples: the same for the same samples, wherever they were read from."""

from __future__ import annotations

import hashlib
import os

import numpy as np

from netspec.data.image_column import ImageFiles
from netspec.data.ragged import Ragged
from netspec.data.samples import Column, Samples
from netspec.diagnostics import DataError


def fingerprint(samples: Samples) -> str:
    """The sha256 of all arrays; of images that stay in files, of their names and sizes.

    Raises:
        DataError: `data-file`: an image file is gone.
    """
    found = hashlib.sha256()
    for name, column in sorted(samples.arrays.items()):
        found.update(f"{name} {len(column)} ".encode())
        _take(column, found)
    return found.hexdigest()


def _take(column: Column, found: hashlib._Hash) -> None:
    if isinstance(column, ImageFiles):
        found.update(column.mode.encode())
        for index in range(len(column)):
            found.update(f"{column.name(index)} {_size(column, index)}\n".encode(errors="surrogateescape"))
        return
    if isinstance(column, Ragged):
        _take(column.lengths, found)
        _take(np.concatenate([column.value(index) for index in range(len(column))]), found)
        return
    found.update(f"{column.dtype} {column.shape} ".encode())
    found.update(np.ascontiguousarray(column).reshape(-1).view(np.uint8).data)


def _size(column: ImageFiles, index: int) -> int:
    name = column.name(index)
    try:
        return os.stat(column.folder.root / name).st_size
    except OSError as error:
        raise DataError.at(name, "data-file", f"cannot read: {(error.strerror or 'error').lower()}") from None
