"""Samples in memory: one numpy array a field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.data.field import Field
from netspec.data.idx_file import Header
from netspec.diagnostics import DataError
from netspec.ir import DType

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Fields by name, arrays `[N, *shape]` of equal N."""

    arrays: Mapping[str, NDArray[Any]]

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def take(self, indices: Indices) -> Samples:
        """The samples at some places."""
        return Samples({name: array[indices] for name, array in self.arrays.items()})

    def rename(self, fields: Mapping[str, str]) -> Samples:
        """Fields under new names (new name -> the reader's own); the others keep theirs."""
        renamed = set(fields.values())
        kept = {name: array for name, array in self.arrays.items() if name not in renamed}
        return Samples(kept | {new: self.arrays[own] for new, own in fields.items()})

    def divide(self, fraction: float, seed: int) -> tuple[Samples, Samples]:
        """Two random parts, the second of `fraction` (one sample at least in each); equal seeds give equal parts."""
        count = len(self)
        held_out = min(max(1, round(fraction * count)), count - 1)
        order = np.random.default_rng(seed).permutation(count)
        return self.take(np.sort(order[held_out:])), self.take(np.sort(order[:held_out]))


def samples(fields: Mapping[str, Field], contents: Mapping[str, tuple[Header, bytearray]], labels_name: str) -> Samples:
    """Samples from the contents of IDX files.

    Raises:
        DataError: `data-value`: a label is not below the field's bound.
    """
    arrays: dict[str, NDArray[Any]] = {}
    for name, (header, data) in contents.items():
        field = fields[name]
        array = np.frombuffer(data, np.uint8)
        if field.below is not None:
            check_labels(array, field, labels_name)
        # Labels are indices of losses, which want int64; images stay bytes until they are gathered into a batch.
        wanted = np.int64 if field.type.dtype is DType.INT64 else np.uint8
        arrays[name] = array.astype(wanted, copy=False).reshape(header.shape[0], *field.type.shape)
    return Samples(arrays)


def check_labels(labels: NDArray[np.uint8], field: Field, place: str) -> None:
    """Labels lie in their range.

    Raises:
        DataError: `data-value` naming the file, the first index at fault and its value.
    """
    below = field.below or 0
    wrong = np.flatnonzero(labels >= below)
    if len(wrong):
        message = f"sample {wrong[0]:,} (from 0) has the label {labels[wrong[0]]}, expected 0 to {below - 1}"
        notes = [f"{len(wrong):,} labels of {len(labels):,} are out of range"] if len(wrong) > 1 else []
        raise DataError.at(place, "data-value", message, notes=notes)
