"""Tar archives, read through once and never extracted; plain, gzip or xz by content, under a cap of bytes."""

from __future__ import annotations

import lzma
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from netspec.diagnostics import DataError
from netspec.lang.folder import Folder

MAX_MEMBER_BYTES = 16 << 20
MAX_UNPACKED_BYTES = 4 << 30
CHUNK_BYTES = 1 << 20
# What xz -9 needs, and twice that; a file may ask for 4 GiB.
MAX_LZMA_BYTES = 160 << 20
_DAMAGE = (tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, OverflowError)


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    def decompress(self, data: bytes, max_length: int) -> bytes: ...


class _Zlib:
    """zlib's decompressor with the interface of lzma's: what was not taken is kept."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


class _Unpacked:
    """The unpacked bytes as a stream."""

    def __init__(self, file: BinaryIO, decompressor: _Zlib | lzma.LZMADecompressor) -> None:
        self._file = file
        self._decompressor = decompressor
        self._left = MAX_UNPACKED_BYTES

    def read(self, count: int) -> bytes:
        """Up to `count` bytes.

        Raises:
            ValueError: more than the cap was unpacked.
        """
        parts = bytearray()
        while len(parts) < count and not self._decompressor.eof:
            data = self._file.read(CHUNK_BYTES) if self._decompressor.needs_input else b""
            if self._decompressor.needs_input and not data:
                raise EOFError("the compressed data end too early")
            parts += self._decompressor.decompress(data, count - len(parts))
        self._left -= len(parts)
        if self._left < 0:
            raise ValueError(f"more than {MAX_UNPACKED_BYTES:,} bytes unpacked")
        return bytes(parts)


def members(name: str, folder: Folder) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file in a tar archive, in its order.

    Raises:
        DataError: `data-file`: damaged, a member larger than 16 MiB, or more than 4 GiB unpacked.
    """
    with folder.open(name) as file:
        try:
            with tarfile.open(fileobj=_stream(file), mode="r|", bufsize=CHUNK_BYTES) as archive:
                for member in archive:
                    if member.isreg():
                        yield member.name, _content(archive, member, name)
        except _DAMAGE as error:
            raise DataError.at(name, "data-file", f"a damaged archive: {str(error).lower()[:120]}") from None


def _stream(file: BinaryIO) -> BinaryIO:
    magic = file.read(6)
    file.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return _Unpacked(file, _Zlib())  # type: ignore[return-value]  # tarfile only reads
    if magic == b"\xfd7zXZ\0":
        return _Unpacked(file, lzma.LZMADecompressor(lzma.FORMAT_XZ, MAX_LZMA_BYTES))  # type: ignore[return-value]
    return file


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes:
    if member.size > MAX_MEMBER_BYTES:
        message = f"its member {member.name!r} claims {member.size:,} bytes; the limit is {MAX_MEMBER_BYTES:,}"
        raise DataError.at(name, "data-file", message)
    stream = archive.extractfile(member)
    return stream.read() if stream is not None else b""
