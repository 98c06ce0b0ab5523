"""Safetensors files, whose header is believed only after all of it was checked against the file's size.

Layout: a little-endian uint64, the length of the header; the header, a JSON object `{name: {dtype, shape,
data_offsets}}`; the tensors' bytes, without holes. Source: the format's README (huggingface/safetensors). The checks
are stricter than the library's, which takes duplicate names and ranks and counts without limit.
"""

from __future__ import annotations

import json
from collections import Counter
from math import prod
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from netspec.lang.nodes import shorten
from netspec.weights.seal import check_seal
from netspec.weights.stored import MAX_ELEMENTS, MAX_RANK, MAX_TENSORS, Array, Stored, are_bools, check_key, refuse

MAX_HEADER_BYTES = 1 << 20
PREFIX_BYTES = 8
METADATA = "__metadata__"

DTYPES: dict[str, np.dtype[Any]] = {
    "BOOL": np.dtype(np.bool_),
    "U8": np.dtype("u1"),
    "I8": np.dtype("i1"),
    "U16": np.dtype("<u2"),
    "I16": np.dtype("<i2"),
    "U32": np.dtype("<u4"),
    "I32": np.dtype("<i4"),
    "U64": np.dtype("<u8"),
    "I64": np.dtype("<i8"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F32": np.dtype("<f4"),
    "F64": np.dtype("<f8"),
}
NAMES = {dtype.name: name for name, dtype in DTYPES.items()}


def read_header(file: BinaryIO, name: str) -> dict[str, Stored]:
    """The tensors of an open file, in the order of their bytes; each reads its own bytes when it is asked.

    Raises:
        ModelError: `weights`, naming the tensor: the header is not what the format says, or does not fit the file; or
            the file is sealed, and not as it was written.
    """
    file_bytes = file.seek(0, 2)
    file.seek(0)
    prefix = file.read(PREFIX_BYTES)
    length = int.from_bytes(prefix, "little")
    if len(prefix) < PREFIX_BYTES or length > file_bytes - PREFIX_BYTES:
        raise refuse(name, f"the file is shorter than its header says: {length:,} bytes, the file has {file_bytes:,}")
    if length > MAX_HEADER_BYTES:
        raise refuse(name, f"the header claims {length:,} bytes; {MAX_HEADER_BYTES:,} are read")
    entries, metadata = _parse(file.read(length), name)
    check_seal(file, metadata, name)
    return _tensors(file, name, entries, PREFIX_BYTES + length, file_bytes)


def _parse(text: bytes, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The header as an object whose keys are unique, and its metadata."""
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=lambda pairs: _unique(pairs, name))
    except (ValueError, RecursionError) as error:
        raise refuse(name, f"the header is not JSON: {str(error).splitlines()[0][:100].lower()}") from None
    if not isinstance(header, dict):
        raise refuse(name, "the header is not a JSON object")
    metadata = header.pop(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise refuse(name, f"`{METADATA}` does not map texts to texts")
    if len(header) > MAX_TENSORS:
        raise refuse(name, f"the header lists {len(header):,} tensors; {MAX_TENSORS:,} are read")
    return header, metadata


def _unique(pairs: list[tuple[str, Any]], name: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        double = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise refuse(name, f"the header has the key {shorten(double)!r} twice")
    return found


def _tensors(file: BinaryIO, name: str, entries: dict[str, Any], data_start: int, file_bytes: int) -> dict[str, Stored]:
    """Entries whose byte ranges tile the rest of the file exactly."""
    checked = {key: _entry(name, key, entry) for key, entry in entries.items()}
    found: dict[str, Stored] = {}
    at = 0
    for key, (dtype, shape, begin, end) in sorted(checked.items(), key=lambda item: item[1][2:]):
        if begin != at:
            what = "overlaps the one before it" if begin < at else "leaves a hole before it"
            raise refuse(name, f"the tensor {shorten(key)!r} {what}: it begins at {begin:,}, not at {at:,}")
        at = end
        found[key] = Stored(key, dtype.name, shape, _reader(file, name, key, dtype, shape, data_start + begin))
    if data_start + at != file_bytes:
        claimed = f"{data_start + at:,} bytes, the file has {file_bytes:,}"
        what = "shorter" if data_start + at > file_bytes else "longer"
        raise refuse(name, f"the file is {what} than its header says: {claimed}")
    return found


def _entry(name: str, key: str, entry: Any) -> tuple[np.dtype[Any], tuple[int, ...], int, int]:
    """The element type, shape, and range of bytes of a tensor, which agree with each other."""
    check_key(name, key)
    label = f"the tensor {shorten(key)!r}"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise refuse(name, f"{label} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPES:
        raise refuse(name, f"{label} has the element type {shorten(str(dtype))!r}; known: {', '.join(DTYPES)}")
    if not _are_sizes(shape) or len(shape) > MAX_RANK:
        raise refuse(name, f"{label} has a shape that is not a list of up to {MAX_RANK} sizes")
    if not (isinstance(offsets, list) and len(offsets) == 2 and all(map(_is_size, offsets))):
        raise refuse(name, f"{label} has data_offsets that are not two positions")
    needed, (begin, end) = prod(shape) * DTYPES[dtype].itemsize, offsets
    if end - begin != needed:
        raise refuse(name, f"{label} claims {dtype} {shape} = {needed:,} bytes, its data_offsets {end - begin:,}")
    return DTYPES[dtype], tuple(shape), begin, end


def _are_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_size, value)) and prod(max(size, 1) for size in value) < MAX_ELEMENTS


def _is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _reader(file: BinaryIO, name: str, key: str, dtype: np.dtype[Any], shape: tuple[int, ...], at: int) -> Any:
    def read() -> Array:
        data = bytearray(prod(shape) * dtype.itemsize)
        file.seek(at)
        if file.readinto(data) != len(data):  # type: ignore[attr-defined]  # BinaryIO does not declare it
            raise refuse(name, f"the file ends inside the tensor {shorten(key)!r}")
        if dtype.kind == "b" and not are_bools(data):
            raise refuse(name, f"the tensor {shorten(key)!r} has a boolean that is neither 0 nor 1")
        return np.frombuffer(data, dtype).reshape(shape)

    return read
