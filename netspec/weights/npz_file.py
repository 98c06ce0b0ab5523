"""NPZ files (a zip of npy files), without pickle. Each member's own header is checked against the zip's sizes.

Source: numpy.lib.format (NEP 1) for npy.
"""

from __future__ import annotations

import re
import struct
import zipfile
import zlib
from math import prod
from typing import IO, Any, BinaryIO

import numpy as np

from netspec.lang.nodes import shorten
from netspec.weights.stored import MAX_ELEMENTS, MAX_RANK, MAX_TENSORS, Array, Stored, are_bools, check_key, refuse

SUFFIX = ".npy"
# Deflate cannot make more than 1,032 bytes of one (zlib's technical notes).
MAX_RATIO = 1032
CHUNK_BYTES = 1 << 20
MAX_DIRECTORY_BYTES = 16 << 20
MAX_HEADER_BYTES = 10_000

# The record at a zip's end: 22 bytes and a comment.
END = b"PK\x05\x06"
MAX_END_BYTES = 22 + 65_535
SEE_ZIP64 = 0xFFFF

MAGIC = b"\x93NUMPY"
# How many bytes hold the length of the header.
VERSIONS = {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}
# Each blank is any white space, taken whole (no backtracking); Python 2 wrote sizes as 3L.
HEADER = re.compile(
    r"\{ 'descr': '([^'\\]{1,16})' , 'fortran_order': (True|False) , "
    r"'shape': \(((?: [0-9]{1,20}L? ,)* (?:[0-9]{1,20}L?)?) \) ,? \} ".replace(" ", r"\s*+"),
    re.ASCII,
)
ELEMENTS = re.compile(r"[<>|=]?(b1|[iu][1248]|f[248])")
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# NotImplementedError and RecursionError are RuntimeErrors.
DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, KeyError, struct.error)


def read_header(file: BinaryIO, name: str) -> dict[str, Stored]:
    """The arrays of an open file; each is unpacked when it is asked for, never past what its header claims.

    Raises:
        ModelError: `weights`, naming the member: damaged, not an array of numbers, or of another size than it says.
    """
    archive = _archive(file, name)
    file_bytes = file.seek(0, 2)
    members = archive.infolist()
    _check_count(file, len(members), name)
    if any(info.filename.endswith("data.pkl") for info in members):
        raise refuse(name, "a PyTorch checkpoint, which is pickle and can run code", help=TRUST.format(name))
    if len(members) > MAX_TENSORS:
        raise refuse(name, f"the zip lists {len(members):,} members; {MAX_TENSORS:,} are read")
    packed = sum(info.compress_size for info in members)
    if packed > file_bytes:  # members that overlap are how a small zip claims petabytes
        raise refuse(name, f"the members claim {packed:,} packed bytes, the file has {file_bytes:,}")
    found: dict[str, Stored] = {}
    for info in members:
        stored = _member(archive, info, name)
        if stored.key in found:
            raise refuse(name, f"the array {shorten(stored.key)!r} is there twice")
        found[stored.key] = stored
    return found


#: How to read what is not read here.
TRUST = "if you trust where it comes from: netspec convert {} OUT.safetensors --trust"


class _Capped:
    """A file of which no single read is longer than a zip's directory may be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, count: int = -1) -> bytes:
        """Some bytes.

        Raises:
            BadZipFile: more than a directory may have.
        """
        if count < 0:
            at = self.tell()
            count = self.seek(0, 2) - at
            self.seek(at)
        if count > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"a directory of {count:,} bytes")
        return self._file.read(count)

    def seekable(self) -> bool:
        """It is."""
        return True


def is_archive_of_others(file: BinaryIO) -> bool:
    """Whether a zip has members that are no npy files, as checkpoints have. Damaged ones have not."""
    try:
        return any(not each.endswith(SUFFIX) for each in zipfile.ZipFile(_Capped(file)).namelist())
    except DAMAGE:
        return False


def _check_count(file: BinaryIO, count: int, name: str) -> None:
    """A damaged entry may swallow the one after it, which zipfile does not notice."""
    file.seek(-min(file.seek(0, 2), MAX_END_BYTES), 2)
    end = file.read(MAX_END_BYTES)
    claimed = int.from_bytes(end[end.rfind(END) + 10 :][:2], "little")
    if claimed not in (count, SEE_ZIP64):
        raise refuse(name, f"a damaged zip file: it claims {claimed:,} members and has {count:,}")


def _archive(file: BinaryIO, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(_Capped(file))
    except DAMAGE as error:
        raise refuse(name, f"a damaged zip file: {str(error).lower()[:100]}") from None


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> Stored:
    label = f"the member {shorten(info.filename)!r}"
    if not info.filename.endswith(SUFFIX):
        raise refuse(name, f"{label} is not an npy file: this zip is not npz")
    key = info.filename.removesuffix(SUFFIX)
    check_key(name, key)
    if info.compress_type not in METHODS or info.flag_bits & 1:
        raise refuse(name, f"{label} is encrypted, or compressed in another way than npz files are")
    if info.file_size > MAX_RATIO * info.compress_size:
        raise refuse(name, f"{label} claims {info.file_size:,} bytes out of {info.compress_size:,} packed ones")
    dtype, shape, fortran, at = _npy_header(archive, info, name, label)
    claimed = at + prod(shape) * dtype.itemsize
    if claimed != info.file_size:
        raise refuse(name, f"{label} claims {list(shape)} = {claimed:,} bytes, the zip {info.file_size:,}")

    def read() -> Array:
        data = _unpack(archive, info, name, label)
        if dtype.kind == "b" and not are_bools(memoryview(data)[at:]):
            raise refuse(name, f"{label} has a boolean that is neither 0 nor 1")
        array = np.frombuffer(data, dtype, offset=at).reshape(shape, order="F" if fortran else "C")
        return np.ascontiguousarray(array, dtype.newbyteorder("=")).reshape(shape)

    return Stored(key, dtype.name, shape, read)


def _npy_header(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, label: str
) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    try:
        with archive.open(info) as stream:
            return read_npy_header(stream, name, label)
    except DAMAGE as error:
        raise refuse(name, f"{label} is damaged: {str(error).lower()[:100]}") from None


def read_npy_header(stream: IO[bytes], name: str, label: str) -> tuple[np.dtype[Any], tuple[int, ...], bool, int]:
    """Element type, shape, order and length of the header of npy data; the shape is made of Python ints.

    Raises:
        ModelError: `weights`: no header of an array of numbers.
    """
    start = stream.read(len(MAGIC) + 2)
    width = VERSIONS.get(start.removeprefix(MAGIC), 0)
    length = int.from_bytes(stream.read(width), "little")
    text = stream.read(min(length, MAX_HEADER_BYTES)).decode("latin-1")
    if not width or length > MAX_HEADER_BYTES:
        raise refuse(name, f"{label} has no header of an npy file: it starts with {start.hex(' ') or 'nothing'}")
    return *_parsed(text, name, label), len(start) + width + length


def _parsed(text: str, name: str, label: str) -> tuple[np.dtype[Any], tuple[int, ...], bool]:
    """The header's own form is a Python literal; numpy's reader would parse any expression to find that out."""
    found = HEADER.fullmatch(text)
    if found is not None and "O" in found[1]:
        raise refuse(name, f"{label} holds Python objects, which are pickle and can run code")
    if found is None or not ELEMENTS.fullmatch(found[1]):
        what = shorten(found[1] if found else text)
        raise refuse(name, f"{label} holds {what!r}; netspec reads floats, whole numbers and booleans")
    sizes = tuple(map(int, re.findall("[0-9]+", found[3])))
    if len(sizes) > MAX_RANK or prod(max(size, 1) for size in sizes) >= MAX_ELEMENTS:
        raise refuse(name, f"{label} has a shape that is not up to {MAX_RANK} sizes")
    return np.dtype(found[1]), sizes, found[2] == "True"


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
