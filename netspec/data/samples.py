"""Samples: one column a field, a numpy array, sequences of several lengths, or images that stay in their files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.data.field import Field
from netspec.data.idx_file import Header
from netspec.data.image_column import ImageFiles
from netspec.data.ragged import Ragged
from netspec.data.values import check_range
from netspec.diagnostics import DataError
from netspec.ir import DType

Indices = NDArray[np.int64]
#: One value a sample, indexed like an array.
Column = NDArray[Any] | ImageFiles | Ragged


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Fields by name, columns of equal length: arrays `[N, *shape]`, sequences, or image files."""

    arrays: Mapping[str, Column]

    def __len__(self) -> int:
        return len(next(iter(self.arrays.values())))

    def take(self, indices: Indices) -> Samples:
        """The samples at some places."""
        return Samples({name: array[indices] for name, array in self.arrays.items()})

    def part(self, skip: int, take: int | None, place: str) -> Samples:
        """Without the first `skip`, and of the others the first `take` (None: all).

        Raises:
            DataError: `data-value` at `place`: there are not so many.
        """
        wanted = skip + (take if take is not None else 1)
        if wanted > len(self):
            raise DataError.at(
                place, "data-value", f"there are {len(self):,} samples, `skip` and `take` want {wanted:,}"
            )
        return self.take(np.arange(skip, len(self) if take is None else skip + take))

    def rename(self, fields: Mapping[str, str]) -> Samples:
        """Fields under new names (new name -> the reader's own); the others keep theirs."""
        renamed = set(fields.values())
        kept = {name: array for name, array in self.arrays.items() if name not in renamed}
        return Samples(kept | {new: self.arrays[own] for new, own in fields.items()})

    def beside(self, other: Samples) -> Samples:
        """The fields of these samples and of others, sample by sample; the two have no field in common."""
        return Samples({**self.arrays, **other.arrays})

    def followed_by(self, others: Sequence[Samples]) -> Samples:
        """These samples, then others with the same fields."""
        return Samples(
            {name: _joined([column, *(each.arrays[name] for each in others)]) for name, column in self.arrays.items()}
        )

    def divide(self, fraction: float, seed: int) -> tuple[Samples, Samples]:
        """Two random parts, the second of `fraction` (one sample at least in each); equal seeds give equal parts."""
        count = len(self)
        held_out = min(max(1, round(fraction * count)), count - 1)
        order = np.random.default_rng(seed).permutation(count)
        return self.take(np.sort(order[held_out:])), self.take(np.sort(order[:held_out]))


def _joined(columns: Sequence[Column]) -> Column:
    ragged = [column for column in columns if isinstance(column, Ragged)]
    if ragged:
        return ragged[0].join(ragged[1:])
    files = [column for column in columns if isinstance(column, ImageFiles)]
    arrays = [column for column in columns if not isinstance(column, ImageFiles | Ragged)]
    if files and arrays:
        raise DataError.at(files[0].name(0), "data-file", "images in files cannot follow images of one size")
    return files[0].join(files[1:]) if files else np.concatenate(arrays)


def samples(fields: Mapping[str, Field], contents: Mapping[str, tuple[Header, bytearray]], labels_name: str) -> Samples:
    """Samples from the contents of IDX files.

    Raises:
        DataError: `data-value`: a label is not below the field's bound.
    """
    arrays: dict[str, Column] = {}
    for name, (header, data) in contents.items():
        field = fields[name]
        array = np.frombuffer(data, np.uint8)
        if field.below is not None:
            check_range(array, field.below, "", labels_name)
        # Labels are indices of losses, which want int64; images stay bytes until they are gathered into a batch.
        wanted = np.int64 if field.type.dtype is DType.INT64 else np.uint8
        arrays[name] = array.astype(wanted, copy=False).reshape(header.shape[0], *field.type.shape)
    return Samples(arrays)
