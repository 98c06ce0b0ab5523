"""What is to be saved, as files: their bytes, and how many there are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

from netspec.training.checkpoints.manifest import Entry
from netspec.weights.safetensors_file import DTYPES, NAMES
from netspec.weights.stored import Tensors
from netspec.weights.write import safetensors_chunks

SUFFIX = ".safetensors"
VALUES = "state.json"
# About what a tensor takes in a header, and a file in a directory.
_HEADER_BYTES = 256
_FILE_BYTES = 4096

Chunks = Iterable[bytes | memoryview]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Contents:
    """The state of a run after a step.

    Args:
        tensors: The tensors of each safetensors file, by its name without the suffix.
        values: All else, as JSON has it.
        files: Files of the run directory as they are now, which belong to the state.
    """

    tensors: Mapping[str, Tensors]
    values: Mapping[str, Any]
    files: tuple[Path, ...] = field(default=())

    def written(self) -> Iterator[tuple[str, Chunks]]:
        """The names and bytes of the files to be written."""
        for name, tensors in self.tensors.items():
            yield name + SUFFIX, safetensors_chunks(tensors)
        yield VALUES, [self._text().encode()]

    @property
    def num_bytes(self) -> int:
        """How much space is needed, to within a few thousand bytes; that of `files` is taken already."""
        tensors = [stored for each in self.tensors.values() for stored in each.values()]
        data = sum(prod(each.shape) * DTYPES[NAMES[each.dtype]].itemsize for each in tensors)
        return data + _HEADER_BYTES * len(tensors) + _FILE_BYTES * (len(self.tensors) + 3) + len(self._text())

    def _text(self) -> str:
        return json.dumps(self.values, indent=1, sort_keys=True, allow_nan=False) + "\n"


class Counted:
    """Bytes that are counted and digested while they are written."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._digest = hashlib.sha256()
        self._bytes = 0

    def __iter__(self) -> Iterator[bytes | memoryview]:
        for chunk in self._chunks:
            self._digest.update(chunk)
            self._bytes += len(chunk)
            yield chunk

    @property
    def entry(self) -> Entry:
        """What was written."""
        return Entry(self._bytes, self._digest.hexdigest())
