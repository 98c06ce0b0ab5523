"""A look into an ONNX file without loading it: versions, metadata, and the files that its tensors lie in.

Reads the protobuf wire format, of which it needs four rules; what it does not ask for is skipped, so that weights of
gigabytes are never touched. Nothing is believed: a length that leads out of its message is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

#: Graphs in attributes of nodes in graphs; ONNX's own checker goes less deep.
MAX_DEPTH = 64
#: Fields of all messages that are looked at.
MAX_FIELDS = 5_000_000

# Field numbers of onnx.proto3 that hold messages in which tensors may stand.
_MODEL = {7: "graph", 20: "training", 25: "function"}
_INSIDE: dict[str, dict[int, str]] = {
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}
_EXTERNAL = 13
_IR_VERSION, _OPSET, _METADATA = 1, 8, 14


class WireError(ValueError):
    """The bytes are no protobuf message, or one that is too deep."""


@dataclass(slots=True)
class Outline:
    """What a model file says of itself.

    `opsets` are versions by domain, the empty one ONNX's own; `external` are the entries of each tensor that lies in
    another file.
    """

    ir_version: int = 0
    opsets: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, str] = field(default_factory=dict)
    external: list[dict[str, str]] = field(default_factory=list)
    left: int = MAX_FIELDS


def outline(data: bytes | memoryview) -> Outline:
    """The outline of a serialized model.

    Raises:
        WireError: it is none.
    """
    found = Outline()
    view = memoryview(data)
    for number, value in _fields(view, found):
        if number == _IR_VERSION and isinstance(value, int):
            found.ir_version = value
        elif number == _OPSET and isinstance(value, memoryview):
            entry = dict(_fields(value, found))
            version = entry.get(2, 0)
            found.opsets[_text(entry.get(1))] = version if isinstance(version, int) else 0
        elif number == _METADATA and isinstance(value, memoryview):
            key, text = _pair(value, found)
            found.metadata[key] = text
        elif number in _MODEL and isinstance(value, memoryview):
            _descend(value, _MODEL[number], found, 0)
    return found


def _descend(view: memoryview, kind: str, found: Outline, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise WireError(f"nested more than {MAX_DEPTH} deep")
    if kind == "tensor":
        entries = dict(_pair(value, found) for number, value in _fields(view, found) if number == _EXTERNAL)
        if entries:
            found.external.append(entries)
        return
    inside = _INSIDE[kind]
    for number, value in _fields(view, found):
        if number in inside and isinstance(value, memoryview):
            _descend(value, inside[number], found, depth + 1)


def _fields(view: memoryview, found: Outline) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers with what they hold: a number, or the bytes of a message or text."""
    at = 0
    while at < len(view):
        found.left -= 1
        if found.left < 0:
            raise WireError(f"more than {MAX_FIELDS:,} fields")
        tag, at = _varint(view, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(view, at)
            yield tag >> 3, value
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        elif kind == 2:
            length, at = _varint(view, at)
            if length > len(view) - at:
                raise WireError("a field is longer than its message")
            yield tag >> 3, view[at : at + length]
            at += length
        else:
            raise WireError(f"no protobuf message (wire type {kind})")
    if at != len(view):
        raise WireError("a field is cut off")


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(view):
            raise WireError("a number is cut off")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise WireError("a number of more than ten bytes")


def _pair(value: int | memoryview, found: Outline) -> tuple[str, str]:
    """Key and value of a StringStringEntryProto."""
    if not isinstance(value, memoryview):
        raise WireError("a number where an entry is expected")
    entry = dict(_fields(value, found))
    return _text(entry.get(1)), _text(entry.get(2))


def _text(value: int | memoryview | None) -> str:
    return bytes(value).decode("utf-8", "replace") if isinstance(value, memoryview) else ""
