"""The drawn sequences are what their papers say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from netspec.data.ragged import Ragged
from netspec.data.readers.generated import Generated
from netspec.data.samples import Samples
from netspec.lang.folder import Folder

FOLDER = Folder(Path())


def drawn(**arguments: object) -> Samples:
    return Generated.model_validate(arguments).load(FOLDER)


def test_the_sum_of_two_marked_numbers() -> None:
    found = drawn(task="adding", length=40, samples=2000)
    values, marks = found.arrays["sequence"][..., 0], found.arrays["sequence"][..., 1]
    assert values.dtype == np.float32 and 0 <= values.min() < 0.01 and 0.99 < values.max() < 1
    assert (marks[:, :20].sum(1) == 1).all() and (marks[:, 20:].sum(1) == 1).all() and set(np.unique(marks)) == {0, 1}
    np.testing.assert_allclose(found.arrays["target"][:, 0], (values * marks).sum(1), rtol=1e-6)
    # Two numbers from 0 to 1 have a variance of 2/12: the error of who only knows the mean.
    assert abs(found.arrays["target"].var() - 1 / 6) < 0.01


def test_the_order_of_two_symbols() -> None:
    found = drawn(task="temporal_order", length=[100, 110], samples=500, seed=3)
    column, labels = found.arrays["sequence"], found.arrays["target"]
    assert isinstance(column, Ragged) and set(column.lengths) == set(range(100, 111))
    for index in range(500):
        value = column.value(index)
        places = np.flatnonzero((value == 4) | (value == 5))
        assert len(places) == 2 and value[0] == 6 and value[-1] == 7 and set(value[1:-1]) <= set(range(6))
        assert 10 <= places[0] < 22 and 50 <= places[1] < 66
        assert labels[index] == 2 * (value[places[0]] - 4) + value[places[1]] - 4
    assert set(labels) == {0, 1, 2, 3}


def test_copying() -> None:
    found = drawn(task="copy", length=30, samples=50, items=5, symbols=8)
    sequence, target = found.arrays["sequence"], found.arrays["target"]
    assert sequence.shape == target.shape == (50, 40)
    assert (sequence[:, :5] == target[:, -5:]).all() and sequence[:, :5].max() < 8
    assert (sequence[:, 5:34] == 8).all() and (sequence[:, 34] == 9).all() and (sequence[:, 35:] == 8).all()
    assert (target[:, :-5] == 8).all()


@pytest.mark.parametrize("task", ["adding", "temporal_order", "copy"])
@pytest.mark.parametrize("length", [6, 33, [6, 9]])
def test_equal_seeds_give_equal_samples_as_declared(task: str, length: object) -> None:
    reader = Generated.model_validate({"task": task, "length": length, "samples": 20, "seed": 1})
    fields, first, again = reader.declare(FOLDER), reader.load(FOLDER), reader.load(FOLDER)
    other = reader.model_copy(update={"seed": 2}).load(FOLDER)
    assert not np.array_equal(flat(first), flat(other)[: len(flat(first))])
    for name, field in fields.items():
        column = first.arrays[name]
        one = column.value(0) if isinstance(column, Ragged) else column[0]
        assert one.dtype.name == field.type.dtype and one.shape[1:] == field.type.shape[1:] if one.shape else True
        assert bool(field.type.valid) == isinstance(column, Ragged)
        if field.below is not None:
            assert (column.flat if isinstance(column, Ragged) else column).max() < field.below
        assert np.array_equal(flat(first), flat(again))


def flat(samples: Samples) -> np.ndarray:
    column = samples.arrays["sequence"]
    return column.flat if isinstance(column, Ragged) else column.ravel()
