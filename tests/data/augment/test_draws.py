"""Random numbers that depend on seed, epoch and place alone, and are distributed as they say."""

from __future__ import annotations

import numpy as np
import pytest

from netspec.data.augment.draws import Draws

PLACES = np.arange(20_000)


def test_splitmix64_is_the_published_one() -> None:
    """The first outputs of the reference implementation for the seed 1234567."""
    from netspec.data.augment.draws import _GOLDEN, _mixed

    state = np.uint64(1234567) + np.arange(1, 4, dtype=np.uint64) * _GOLDEN
    assert _mixed(state).tolist() == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_sample_has_its_numbers_in_any_company() -> None:
    places = np.array([5, 17, 3, 900])
    together = Draws(7, 2, places)
    first, second = together.uniform(size=(3,)), together.normal()
    for row, place in enumerate(places):
        alone = Draws(7, 2, np.array([place]))
        assert np.array_equal(alone.uniform(size=(3,))[0], first[row]) and alone.normal()[0] == second[row]


@pytest.mark.parametrize(
    "other", [Draws(8, 2, PLACES), Draws(7, 3, PLACES), Draws(7, 2, PLACES + 50_000), Draws(7, 2, PLACES, 1)]
)
def test_each_part_of_the_key_counts(other: Draws) -> None:
    one, two = Draws(7, 2, PLACES).uniform(), other.uniform()
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.03 and not np.isin(one[:1000], two[:1000]).mean() > 0.01


def test_uniform_numbers() -> None:
    found = Draws(0, 0, PLACES).uniform(-2, 3, size=(2,))
    assert found.shape == (20_000, 2) and found.min() >= -2 and found.max() < 3
    assert found.mean() == pytest.approx(0.5, abs=0.02) and found.var() == pytest.approx(25 / 12, rel=0.02)
    counts = np.histogram(found, 20, (-2, 3))[0]
    assert ((counts - 2000) ** 2 / 2000).sum() < 50  # chi squared, 19 degrees of freedom


def test_normal_numbers() -> None:
    found = Draws(0, 1, PLACES).normal((4,))
    assert abs(found.mean()) < 0.02 and found.std() == pytest.approx(1, rel=0.01)
    assert (np.abs(found) < 1).mean() == pytest.approx(0.6827, abs=0.006)
    assert np.isfinite(found).all()


def test_whole_numbers_and_chances() -> None:
    draws = Draws(1, 0, PLACES)
    assert np.bincount(draws.below(4)).tolist() == pytest.approx([5000] * 4, abs=250)
    bounds = np.arange(1, 20_001)
    assert (draws.below(bounds) < bounds).all()
    assert draws.chance(0.3).mean() == pytest.approx(0.3, abs=0.015)
    assert not draws.chance(0).any() and draws.chance(1).all()
