"""The seal of safetensors files that netspec writes: the sha256 of the file, in its own header.

No format of weights notices a flipped bit. The digest is taken with zeros in its own place. It stands first in the
metadata, so that the place is the same in every file, and it goes where the file goes. Files of others have none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import BinaryIO

from netspec.weights.stored import refuse

VERSION = "1"
_DIGITS = 64
#: Metadata with a place for the digest. One flipped bit cannot make both keys unknown.
BLANK_SEAL = {"netspec.sha256": "0" * _DIGITS, "netspec": VERSION}
_BEFORE = b'{"__metadata__":{"netspec.sha256":"'
#: Where the digest stands in the file, behind the eight bytes of the header's length.
SEAL_AT = 8 + len(_BEFORE)
_CHUNK_BYTES = 1 << 20


def check_seal(file: BinaryIO, metadata: Mapping[str, str], name: str) -> None:
    """See that a sealed file is as it was written.

    Args:
        file: The file, which can be moved in.
        metadata: What its header says of it. Without a seal nothing is checked.
        name: What messages call it.

    Raises:
        ModelError: `weights`: it is not.
    """
    if not metadata.keys() & BLANK_SEAL.keys():
        return
    if metadata.get("netspec.sha256", "").encode() != _digest(file) or metadata.get("netspec") != VERSION:
        help = "take it from a copy, or make it again"
        raise refuse(name, "the file is damaged: it does not have the sha256 with which it was written", help=help)


def _digest(file: BinaryIO) -> bytes:
    file.seek(0)
    found = hashlib.sha256(file.read(SEAL_AT))
    found.update(b"0" * _DIGITS)
    file.seek(SEAL_AT + _DIGITS)
    while chunk := file.read(_CHUNK_BYTES):
        found.update(chunk)
    return found.hexdigest().encode()
