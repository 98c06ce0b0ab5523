"""Arrays -> safetensors or npz files, whole or not at all. The form follows the name that the caller chose."""

from __future__ import annotations

import json
import zipfile
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy

from netspec import atomic
from netspec.weights.npz_file import SUFFIX
from netspec.weights.safetensors_file import DTYPES, NAMES
from netspec.weights.stored import Tensors, refuse

SUFFIXES = (".safetensors", ".npz")
ALIGNMENT = 8


def write_weights(tensors: Tensors, path: Path) -> None:
    """Write tensors one after the other; one at a time is in memory.

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
    header: dict[str, object] = {}
    at = 0
    for key, stored in tensors.items():
        size = _bytes(stored.shape, stored.dtype)
        header[key] = {"dtype": NAMES[stored.dtype], "shape": list(stored.shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    file.write(len(text).to_bytes(8, "little") + text)
    for stored in tensors.values():
        file.write(np.ascontiguousarray(stored.read()).tobytes())


def _bytes(shape: tuple[int, ...], dtype: str) -> int:
    return prod(shape) * DTYPES[NAMES[dtype]].itemsize
