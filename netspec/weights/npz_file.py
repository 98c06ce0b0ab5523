"""NPZ files (a zip of npy files), without pickle. Each member's own header is checked against the zip's sizes.

Source: numpy.lib.format (NEP 1) for npy.
"""

from __future__ import annotations

import warnings
import zipfile
import zlib
from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from netspec.lang.nodes import shorten
from netspec.weights.stored import MAX_RANK, MAX_TENSORS, Array, Stored, check_key, refuse

SUFFIX = ".npy"
# Deflate cannot make more than 1,032 bytes of one (zlib's technical notes).
MAX_RATIO = 1032
CHUNK_BYTES = 1 << 20
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError, KeyError)


def read_header(file: BinaryIO, name: str) -> dict[str, Stored]:
    """The arrays of an open file; each is unpacked when it is asked for, never past what its header claims.

    Raises:
        ModelError: `weights`, naming the member: damaged, not an array of numbers, or of another size than it says.
    """
    archive = _archive(file, name)
    members = [info for info in archive.infolist() if not info.is_dir()]
    if any(info.filename.endswith("data.pkl") for info in members):
        raise refuse(name, "a PyTorch checkpoint, which is pickle and can run code", help=TRUST.format(name))
    if len(members) > MAX_TENSORS:
        raise refuse(name, f"the zip lists {len(members):,} members; {MAX_TENSORS:,} are read")
    found: dict[str, Stored] = {}
    for info in members:
        stored = _member(archive, info, name, file.seek(0, 2))
        if stored.key in found:
            raise refuse(name, f"the array {shorten(stored.key)!r} is there twice")
        found[stored.key] = stored
    return found


#: How to read what is not read here.
TRUST = "if you trust where it comes from: netspec convert {} OUT.safetensors --trust"


def _archive(file: BinaryIO, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except DAMAGE as error:
        raise refuse(name, f"a damaged zip file: {str(error).lower()[:100]}") from None


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, file_bytes: int) -> Stored:
    label = f"the member {shorten(info.filename)!r}"
    if not info.filename.endswith(SUFFIX):
        raise refuse(name, f"{label} is not an npy file: this zip is not npz")
    key = info.filename.removesuffix(SUFFIX)
    check_key(name, key)
    if info.compress_type not in METHODS or info.flag_bits & 1:
        raise refuse(name, f"{label} is encrypted, or compressed in another way than npz files are")
    if info.compress_size > file_bytes or info.file_size > MAX_RATIO * info.compress_size + CHUNK_BYTES:
        packed = f"{info.compress_size:,} packed bytes of a file of {file_bytes:,}"
        raise refuse(name, f"{label} claims {info.file_size:,} bytes out of {packed}")
    dtype, shape, fortran, at = _npy_header(archive, info, name, label)
    claimed = at + prod(shape) * dtype.itemsize
    if claimed != info.file_size:
        raise refuse(name, f"{label} claims {list(shape)} = {claimed:,} bytes, the zip {info.file_size:,}")

    def read() -> Array:
        data = _unpack(archive, info, name, label)
        array = np.frombuffer(data, dtype, offset=at).reshape(shape, order="F" if fortran else "C")
        return np.ascontiguousarray(array, dtype.newbyteorder("=")).reshape(shape)

    return Stored(key, dtype.name, shape, read)


def _npy_header(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, label: str
) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """Element type, shape, order and length of the header; the shape is made of Python ints."""
    try:
        with archive.open(info) as stream, warnings.catch_warnings():
            warnings.simplefilter("error")  # headers of Python 2 are read with a warning
            version = npy.read_magic(stream)
            reads = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
            shape, fortran, dtype = reads[version](stream)
            at = stream.tell()
    except (*DAMAGE, TypeError, SyntaxError, RecursionError, MemoryError, UserWarning) as error:
        reason = str(error).splitlines()[0][:100].lower() if str(error) else type(error).__name__
        raise refuse(name, f"{label} has no header of an npy file: {reason}") from None
    if dtype.hasobject:
        raise refuse(name, f"{label} holds Python objects, which are pickle and can run code")
    if dtype.kind not in "fiub" or dtype.itemsize > 8:
        raise refuse(name, f"{label} holds {shorten(str(dtype))}; netspec reads floats, whole numbers and booleans")
    sizes = tuple(int(size) for size in shape)
    if len(sizes) > MAX_RANK or min(sizes, default=0) < 0 or prod(max(size, 1) for size in sizes) >= 2**63:
        raise refuse(name, f"{label} has a shape that is not up to {MAX_RANK} sizes")
    return dtype, sizes, fortran, at


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, label: str) -> bytearray:
    """All bytes of a member. Memory never grows past what the zip claims, plus one chunk; the checksum is compared."""
    data = bytearray()
    try:
        with archive.open(info) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                data += chunk
                if len(data) > info.file_size:
                    break
    except DAMAGE as error:
        raise refuse(name, f"{label} is damaged: {str(error).lower()[:100]}") from None
    if len(data) != info.file_size:
        raise refuse(name, f"{label} unpacks to {len(data):,} bytes, not to the {info.file_size:,} that the zip claims")
    return data
