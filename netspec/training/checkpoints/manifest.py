"""The list of a checkpoint's files, with which it exists and without which it does not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from netspec.diagnostics import ModelError

MANIFEST = "manifest.json"
FORMAT = 1
CHUNK_BYTES = 1 << 20
_DIGEST = "sha256"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file as it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Manifest:
    """A step, its files, and the facts that a run which goes on from there must share."""

    step: int
    files: Mapping[str, Entry]
    facts: Mapping[str, Any]

    def text(self) -> str:
        """As JSON, with the sha256 of all else in it."""
        files = {name: asdict(entry) for name, entry in self.files.items()}
        known = {"format": FORMAT, "step": self.step, "files": files, "facts": dict(self.facts)}
        return _text(known | {_DIGEST: _sha256(_text(known))})

    @classmethod
    def read(cls, directory: Path) -> Manifest:
        """The manifest of a checkpoint.

        Raises:
            ModelError: `checkpoint`: there is none, or it is not as it was written.
        """
        path = directory / MANIFEST
        try:
            data = path.read_bytes()
            return cls._parse(data)
        except OSError as error:
            raise damaged(path, f"cannot read: {(error.strerror or type(error).__name__).lower()}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise damaged(path, "the file is damaged: it is not as it was written") from None

    @classmethod
    def _parse(cls, data: bytes) -> Manifest:
        known = json.loads(data.decode())
        digest = known.pop(_DIGEST)
        # Spaces and the order of keys count too: nothing may differ.
        if digest != _sha256(_text(known)) or data != _text(known | {_DIGEST: digest}).encode():
            raise ValueError("another digest")
        if known["format"] != FORMAT:
            raise ValueError("another format")
        files = {name: Entry(**entry) for name, entry in known["files"].items()}
        return cls(known["step"], files, known["facts"])

    def check(self, directory: Path) -> None:
        """See that every file is as it was written.

        Raises:
            ModelError: `checkpoint`, naming the first that is not.
        """
        for name, entry in self.files.items():
            check_file(directory / name, entry)


def check_file(path: Path, entry: Entry) -> None:
    """See that a file is as it was written.

    Raises:
        ModelError: `checkpoint`: it is not.
    """
    try:
        found = entry_of(path)
    except OSError as error:
        raise damaged(path, f"cannot read: {(error.strerror or type(error).__name__).lower()}") from None
    if found.bytes != entry.bytes:
        raise damaged(path, f"the file is damaged: it has {found.bytes:,} bytes, {entry.bytes:,} were written")
    if found.sha256 != entry.sha256:
        raise damaged(path, "the file is damaged: it does not have the sha256 with which it was written")


def entry_of(path: Path) -> Entry:
    """Size and digest of a file that is there. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return Entry(size, digest.hexdigest())


def damaged(path: Path, message: str) -> ModelError:
    """The error for a checkpoint that cannot be used."""
    return ModelError.at(str(path), "checkpoint", message)


def _text(known: Mapping[str, Any]) -> str:
    return json.dumps(known, indent=1, sort_keys=True, allow_nan=False) + "\n"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
