"""The sequences of the `generated` reader."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.data.ragged import Ragged
from netspec.data.samples import Column, Samples

Ends = tuple[int, int]

# Of temporal order: X and Y, and the symbols of start and end.
X, START, END = 4, 6, 7


def adding(ends: Ends, count: int, seed: int) -> Samples:
    """Numbers from 0 to 1 and two marks, one in each half; the target is the sum of the marked numbers.

    Source: Hochreiter and Schmidhuber 1997, experiment 4, with the numbers of Le, Jaitly and Hinton 2015.
    """
    draw, lengths = _lengths(ends, count, seed)
    values, targets = [], np.zeros((count, 1), np.float32)
    for index, length in enumerate(lengths):
        value = np.zeros((length, 2), np.float32)
        value[:, 0] = draw.random(length, np.float32)
        places = draw.integers(length // 2), draw.integers(length // 2, length)
        value[places, 1] = 1
        targets[index] = value[places, 0].sum()
        values.append(value)
    return Samples({"sequence": _column(values, ends), "target": targets})


def temporal_order(ends: Ends, count: int, seed: int) -> Samples:
    """X or Y at two places among distractors; the class says which stood first and which second.

    Source: Hochreiter and Schmidhuber 1997, experiment 6a: the places lie in the second and in the sixth tenth.
    """
    draw, lengths = _lengths(ends, count, seed)
    values, labels = [], np.zeros(count, np.int64)
    for index, length in enumerate(lengths):
        value = draw.integers(X, size=length)
        value[0], value[-1] = START, END
        first, second = draw.integers(2, size=2)
        value[_place(draw, length, 1)], value[_place(draw, length, 5)] = X + first, X + second
        labels[index] = 2 * first + second
        values.append(value)
    return Samples({"sequence": _column(values, ends), "target": labels})


def copy(ends: Ends, count: int, items: int, symbols: int, seed: int) -> Samples:
    """Items, blanks, a mark `length` steps behind them, blanks; the target repeats the items behind the mark.

    Source: Hochreiter and Schmidhuber 1997, as Arjovsky, Shah and Bengio 2016 have it.
    """
    draw, lengths = _lengths(ends, count, seed)
    blank, mark = symbols, symbols + 1
    values, targets = [], []
    for length in lengths:
        value, target = (np.full(length + 2 * items, blank, np.int64) for _ in range(2))
        value[:items] = target[-items:] = draw.integers(symbols, size=items)
        value[items + length - 1] = mark
        values.append(value)
        targets.append(target)
    return Samples({"sequence": _column(values, ends), "target": _column(targets, ends)})


def _lengths(ends: Ends, count: int, seed: int) -> tuple[np.random.Generator, list[int]]:
    draw = np.random.default_rng(seed)
    low, high = ends
    return draw, [low] * count if low == high else draw.integers(low, high + 1, count).tolist()


def _place(draw: np.random.Generator, length: int, tenth: int) -> int:
    """A place in one tenth of the sequence, between start and end."""
    low = max(1, tenth * length // 10)
    return min(low + int(draw.integers(max(1, length // 10))), length - 2)


def _column(values: list[NDArray[Any]], ends: Ends) -> Column:
    return np.stack(values) if ends[0] == ends[1] else Ragged.of(values)
