"""Arrays in .npy and .npz files, told by content; nothing is unpickled."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import BinaryIO

import numpy as np

from netspec.weights.npz_file import MAGIC, read_header, read_npy_header
from netspec.weights.stored import Array, Stored, are_bools, refuse


def read_arrays(file: BinaryIO, name: str, key: str) -> Iterator[Stored]:
    """The arrays of an open file; each is read when it is asked for.

    Args:
        file: An .npy or .npz file.
        name: What messages call it.
        key: The name of the one array of an .npy file.

    Raises:
        ModelError: `weights`: damaged, of another size than it says, or not of numbers.
    """
    start = file.read(len(MAGIC))
    file.seek(0)
    if start == MAGIC:
        yield _npy(file, name, key)
    elif start.startswith(b"PK"):
        yield from read_header(file, name).values()
    else:
        raise refuse(name, f"neither an npy nor an npz file: it starts with {start.hex(' ') or 'nothing'}")


def _npy(file: BinaryIO, name: str, key: str) -> Stored:
    dtype, shape, fortran, at = read_npy_header(file, name, "the file")
    claimed, size = at + prod(shape) * dtype.itemsize, file.seek(0, 2)
    if claimed != size:
        raise refuse(name, f"the header claims {list(shape)} {dtype.name} = {claimed:,} bytes, the file has {size:,}")

    def read() -> Array:
        file.seek(at)
        data = bytearray(file.read(size - at))
        if dtype.kind == "b" and not are_bools(data):
            raise refuse(name, "a boolean that is neither 0 nor 1")
        array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
        return np.ascontiguousarray(array, dtype.newbyteorder("=")).reshape(shape)

    return Stored(key, dtype.name, shape, read)
