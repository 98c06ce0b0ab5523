"""Random numbers of samples.

Each depends on the seed, the epoch, the sample's place and its own number, and on nothing else: not on the batch, on
how many processes read the data, or on where a run was resumed.

Source: Steele, Lea, Flood 2014, Fast splittable pseudorandom number generators (SplitMix64).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Words = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_WORD = 2**64


class Draws:
    """Numbers for some samples.

    Args:
        seed: Of the run.
        epoch: Each pass over the data has numbers of its own.
        places: Where the samples stand in the data, `[N]`.
        stream: Each operation has numbers of its own.
    """

    def __init__(self, seed: int, epoch: int, places: Ints, stream: int = 0) -> None:
        key = np.zeros(len(places), np.uint64)
        for part in (seed % _WORD, epoch % _WORD, stream % _WORD):
            key = _mixed(key ^ _mixed(np.full(1, part, np.uint64)))
        self._key = _mixed(key ^ _mixed(places.astype(np.uint64)))
        self._drawn = 0

    def __len__(self) -> int:
        return len(self._key)

    def uniform(self, low: float | Floats = 0.0, high: float | Floats = 1.0, size: tuple[int, ...] = ()) -> Floats:
        """Numbers from `low`, below `high`, `[N, *size]`."""
        # 53 bits, as many as a float64 holds.
        found = (self._words(size) >> np.uint64(11)) * 2.0**-53
        return low + (high - np.asarray(low)) * found

    def normal(self, size: tuple[int, ...] = ()) -> Floats:
        """Standard normal numbers, `[N, *size]`, by Box and Muller."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(size=size)))
        found: Floats = radius * np.cos(2 * np.pi * self.uniform(size=size))
        return found

    def below(self, bound: int | Ints, size: tuple[int, ...] = ()) -> Ints:
        """Whole numbers from 0, below a bound (one for all, or one for each sample)."""
        return np.floor(self.uniform(size=size) * bound).astype(np.int64)

    def chance(self, probability: float) -> NDArray[np.bool_]:
        """Whether it happens, `[N]`."""
        return self.uniform() < probability

    def _words(self, size: tuple[int, ...]) -> Words:
        """64 random bits each, `[N, *size]`."""
        count = int(np.prod(size, dtype=np.int64)) if size else 1
        counter = np.arange(self._drawn + 1, self._drawn + 1 + count, dtype=np.uint64) * _GOLDEN
        self._drawn += count
        return _mixed(self._key[:, None] + counter).reshape(len(self._key), *size)


def _mixed(words: NDArray[Any]) -> Words:
    """SplitMix64's finaliser, a bijection."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: Words = words ^ (words >> np.uint64(31))
    return found
