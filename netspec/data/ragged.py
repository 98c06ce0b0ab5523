"""Sequences of several lengths, one after the other in one array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Ragged:
    """A field whose values are `[length, *shape]`, each with a length of its own; indexed like an array.

    `flat` is `[total, *shape]`; value i stands from `starts[i]` on, `lengths[i]` positions long.
    """

    flat: NDArray[Any]
    starts: Indices
    lengths: Indices

    @classmethod
    def of(cls, values: Sequence[NDArray[Any]]) -> Ragged:
        """The values, which have equal shapes but for their lengths."""
        lengths = np.array([len(value) for value in values], np.int64)
        return cls(np.concatenate(values), np.cumsum(lengths) - lengths, lengths)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, indices: Indices) -> Ragged:
        """The values at some places; nothing is copied."""
        return Ragged(self.flat, self.starts[indices], self.lengths[indices])

    def value(self, index: int) -> NDArray[Any]:
        """One value, `[length, *shape]`."""
        start: int = self.starts[index]
        found: NDArray[Any] = self.flat[start : start + self.lengths[index]]
        return found

    def padded(self) -> NDArray[Any]:
        """All of them `[N, longest, *shape]`, zeros behind the shorter ones."""
        found = np.zeros((len(self), int(self.lengths.max(initial=0)), *self.flat.shape[1:]), self.flat.dtype)
        for index, row in enumerate(found):
            row[: self.lengths[index]] = self.value(index)
        return found

    def join(self, others: Sequence[Ragged]) -> Ragged:
        """These values, then those of others."""
        return Ragged.of([each.value(index) for each in (self, *others) for index in range(len(each))])
