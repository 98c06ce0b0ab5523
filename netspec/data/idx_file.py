"""IDX files (the format of the MNIST database), plain or gzipped. The header is believed only after the file's size.

Layout, big-endian: two zero bytes, the element type, the number of axes; a uint32 for each axis; the elements.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import BinaryIO

from netspec.diagnostics import DataError
from netspec.lang.folder import Folder

UINT8 = 0x08
_TYPES = {0x08: "uint8", 0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
MAX_AXES = 4
# Deflate cannot make more than 1,032 bytes of one (zlib's technical notes).
MAX_RATIO = 1032
CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Header:
    """Shape of an IDX file of uint8, samples first."""

    shape: tuple[int, ...]

    @property
    def data_bytes(self) -> int:
        """Bytes of all elements, as a Python int: no product wraps."""
        return prod(self.shape)

    @property
    def header_bytes(self) -> int:
        """Bytes before the first element."""
        return 4 + 4 * len(self.shape)

    def encode(self) -> bytes:
        """The header as it stands in the file."""
        return bytes([0, 0, UINT8, len(self.shape)]) + b"".join(size.to_bytes(4, "big") for size in self.shape)

    def __str__(self) -> str:
        return f"{self.shape[0]:,} samples of {list(self.shape[1:])}"


def read_header(name: str, folder: Folder) -> Header:
    """The header alone, checked against the file's size.

    Raises:
        DataError: `data-file`: not IDX, not uint8, or another size than the header says.
    """
    with _opened(name, folder) as (stream, file_bytes, compressed):
        return _header(name, stream, file_bytes, compressed)


def read(name: str, folder: Folder) -> tuple[Header, bytearray]:
    """Header and elements, which may be written to.

    Memory never grows past what the header claims and the file can hold, plus one chunk.

    Raises:
        DataError: `data-file`, as `read_header`; or the compressed data are damaged.
    """
    with _opened(name, folder) as (stream, file_bytes, compressed):
        header = _header(name, stream, file_bytes, compressed)
        data = _at_most(stream, header.data_bytes + 1)
    if len(data) != header.data_bytes:
        more = "more than " if len(data) > header.data_bytes else ""
        found = f"{more}{min(len(data), header.data_bytes):,}"
        raise _lie(name, header, f"the unpacked file has {found}" if compressed else f"the file has {found}")
    return header, data


@contextmanager
def _opened(name: str, folder: Folder) -> Iterator[tuple[BinaryIO, int, bool]]:
    """The stream of unpacked bytes, the file's own size, and whether the two differ. Told by content, not by name."""
    with folder.open(name) as file:
        compressed = file.read(2) == b"\x1f\x8b"
        file_bytes = file.seek(0, 2)
        file.seek(0)
        try:
            yield (gzip.GzipFile(fileobj=file) if compressed else file), file_bytes, compressed  # type: ignore[misc]  # BinaryIO by duck
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise DataError.at(name, "data-file", f"damaged gzip data: {str(error).lower()}") from None


def _header(name: str, stream: BinaryIO, file_bytes: int, compressed: bool) -> Header:
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES or not 1 <= magic[3] <= MAX_AXES:
        raise DataError.at(name, "data-file", f"not an IDX file: it starts with {magic.hex(' ') or 'nothing'}")
    if magic[2] != UINT8:
        raise DataError.at(name, "data-file", f"elements of type {_TYPES[magic[2]]}; netspec reads IDX of uint8")
    sizes = stream.read(4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise DataError.at(name, "data-file", f"the file ends inside its header of {4 + 4 * magic[3]} bytes")
    header = Header(tuple(int.from_bytes(sizes[at : at + 4], "big") for at in range(0, len(sizes), 4)))
    if 0 in header.shape:
        raise DataError.at(name, "data-file", f"the header claims {header}; there is nothing to read")
    _check_size(name, header, file_bytes, compressed)
    return header


def _check_size(name: str, header: Header, file_bytes: int, compressed: bool) -> None:
    claimed = header.header_bytes + header.data_bytes
    if compressed and claimed > MAX_RATIO * file_bytes:
        raise _lie(name, header, f"{file_bytes:,} compressed bytes hold at most {MAX_RATIO * file_bytes:,}")
    if not compressed and claimed != file_bytes:
        raise _lie(name, header, f"the file has {max(0, file_bytes - header.header_bytes):,}")


def _at_most(stream: BinaryIO, limit: int) -> bytearray:
    data = bytearray()
    while len(data) < limit and (chunk := stream.read(min(CHUNK_BYTES, limit - len(data)))):
        data += chunk
    return data


def _lie(name: str, header: Header, found: str) -> DataError:
    message = f"the header claims {header} = {header.data_bytes:,} bytes, {found}"
    return DataError.at(name, "data-file", message)
