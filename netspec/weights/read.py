"""Opening a file of weights. The format is told by content, never by the file's name."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from netspec.weights import npz_file, safetensors_file
from netspec.weights.npz_file import TRUST
from netspec.weights.stored import Stored, refuse

HDF5 = b"\x89HDF\r\n\x1a\n"
NPY = b"\x93NUMPY"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
HEAD_BYTES = 16


@contextmanager
def open_weights(path: str | Path) -> Iterator[dict[str, Stored]]:
    """The tensors of a file, by key; they can be read while the block runs.

    Raises:
        ModelError: `weights`: absent, no regular file, or not a whole safetensors or npz file.
    """
    name = str(path)
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # opening never waits, as it would for a pipe
    except (OSError, ValueError) as error:  # a NUL byte is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        raise refuse(name, f"cannot read: {reason.lower()}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise refuse(name, "not a regular file")
    with os.fdopen(handle, "rb") as file:
        yield read_tensors(file, name)


def is_pickled(path: str | Path) -> bool:
    """Whether a file is a pickle, or a zip with one inside, or of no known format, as pickles of old protocols are.

    Files that cannot be opened are not; opening them says why.
    """
    if not Path(path).is_file():  # opening a pipe would wait
        return False
    try:
        with open(path, "rb") as file:
            head = file.read(HEAD_BYTES)
            if head.startswith(ZIP):
                return npz_file.is_archive_of_others(file)
    except OSError:
        return False
    return not (head[8:9] == b"{" or head.startswith((HDF5, NPY))) and len(head) > 8


def read_tensors(file: BinaryIO, name: str) -> dict[str, Stored]:
    """The tensors of an open file, which must stay open while they are read.

    Raises:
        ModelError: `weights`, as `open_weights`.
    """
    try:
        head = file.read(HEAD_BYTES)
        # The length of a header may look like the start of a pickle; a brace after it does not.
        if head[8:9] == b"{":
            return safetensors_file.read_header(file, name)
        if head.startswith(ZIP):
            return npz_file.read_header(file, name)
    except OSError as error:
        raise refuse(name, f"cannot read: {(error.strerror or type(error).__name__).lower()}") from None
    if len(head) <= 8:
        raise refuse(name, f"the file has {len(head)} bytes; neither safetensors nor npz is so short")
    # `convert` reads neither of these, so it is no help.
    help = "save its arrays by name with numpy.savez" if head.startswith((HDF5, NPY)) else TRUST.format(name)
    raise refuse(name, f"{_other(head)}; netspec reads safetensors and npz", help=help)


def _other(head: bytes) -> str:
    """What a file is that is not read, in words."""
    if head.startswith(HDF5):
        return "an HDF5 file"
    if head.startswith(NPY):
        return "an npy file, one array without a name"
    if head[:1] == b"\x80" and head[1] <= 5:
        return "a pickle, which can run code"
    return f"not a file of weights: it starts with {head[:8].hex(' ')}"
