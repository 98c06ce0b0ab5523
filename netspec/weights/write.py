"""Arrays -> safetensors or npz files, whole or not at all. The form follows the name that the caller chose."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator, Mapping
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from netspec import atomic
from netspec.weights.npz_file import SUFFIX
from netspec.weights.safetensors_file import DTYPES, METADATA, NAMES, PREFIX_BYTES
from netspec.weights.seal import BLANK_SEAL, SEAL_AT
from netspec.weights.stored import Tensors, refuse

SUFFIXES = (".safetensors", ".npz")
ALIGNMENT = 8


def write_weights(tensors: Tensors, path: Path) -> None:
    """Write tensors one after the other; one at a time is in memory. A safetensors file is sealed.

    Raises:
        ModelError: `weights`: the name ends in neither `.safetensors` nor `.npz`, or npz cannot hold an element type.
        NetspecError: `unwritable`; what stood there before stays.
    """
    if path.suffix not in SUFFIXES:
        raise refuse(str(path), f"the name of the output ends in {' or '.join(SUFFIXES)}")
    strange = [key for key, stored in tensors.items() if stored.dtype == "bfloat16"]
    if path.suffix == ".npz" and strange:
        help = "write a .safetensors file, or add --dtype float32"
        raise refuse(str(path), f"npz has no bfloat16, which `{strange[0]}` holds", help=help)
    with atomic.replacing(path) as temporary, temporary.open("wb") as file:
        if path.suffix == ".npz":
            _write_npz(file, tensors)
        else:
            _write_safetensors(file, tensors)


def _write_npz(file: BinaryIO, tensors: Tensors) -> None:
    """As `np.savez`, which cannot take an array called `file`."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for key, stored in tensors.items():
            with archive.open(f"{key}{SUFFIX}", "w", force_zip64=True) as member:
                npy.write_array(member, stored.read(), allow_pickle=False)


def _write_safetensors(file: BinaryIO, tensors: Tensors) -> None:
    """Sealed: the sha256 of all else takes the place that is left for it in the header."""
    digest = hashlib.sha256()
    for chunk in safetensors_chunks(tensors, BLANK_SEAL):
        digest.update(chunk)
        file.write(chunk)
    file.seek(SEAL_AT)
    file.write(digest.hexdigest().encode())


def safetensors_chunks(tensors: Tensors, metadata: Mapping[str, str] | None = None) -> Iterator[bytes | memoryview]:
    """The bytes of a safetensors file, a tensor at a time."""
    header: dict[str, object] = {METADATA: metadata} if metadata else {}
    at = 0
    for key, stored in tensors.items():
        size = _bytes(stored.shape, stored.dtype)
        header[key] = {"dtype": NAMES[stored.dtype], "shape": list(stored.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    yield len(text).to_bytes(PREFIX_BYTES, "little") + text
    for stored in tensors.values():
        # Not every element type has a buffer that Python knows; bytes have one.
        yield np.ascontiguousarray(stored.read()).reshape(-1).view(np.uint8).data


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return prod(shape) * DTYPES[NAMES[dtype]].itemsize
