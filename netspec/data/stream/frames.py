"""Messages between processes: a length, a JSON header, and bytes of the length that the header says. No pickle."""

from __future__ import annotations

import json
from typing import Any, BinaryIO

LENGTH_BYTES = 4


def encode(header: dict[str, Any]) -> bytes:
    """A header with its length before it."""
    text = json.dumps(header).encode()
    return len(text).to_bytes(LENGTH_BYTES, "big") + text


def read(stream: BinaryIO) -> dict[str, Any] | None:
    """The next header; None at the end."""
    length = stream.read(LENGTH_BYTES)
    if len(length) < LENGTH_BYTES:
        return None
    found: dict[str, Any] = json.loads(stream.read(int.from_bytes(length, "big")))
    return found
