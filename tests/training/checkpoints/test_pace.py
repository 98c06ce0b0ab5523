"""A checkpoint a minute, and fewer where they are slow."""

from __future__ import annotations

import pytest

from netspec.training.checkpoints import pace as pace_module
from netspec.training.checkpoints.pace import Pace


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr(pace_module, "time", found)
    return found


@pytest.mark.parametrize(("save_seconds", "pause"), [(0.5, 60.0), (1.5, 60.0), (3.0, 120.0)])
def test_the_pause_counts_from_the_end_of_a_save(clock: Clock, save_seconds: float, pause: float) -> None:
    pace = Pace()
    clock.now += 59.9
    assert not pace.is_due
    clock.now += 0.1
    assert pace.is_due
    with pace.saving():
        clock.now += save_seconds
    clock.now += pause - 0.1
    assert not pace.is_due
    clock.now += 0.1
    assert pace.is_due
    assert save_seconds / (save_seconds + pause) <= 0.025


def test_every_step(clock: Clock) -> None:
    pace = Pace(0)
    assert pace.is_due
    with pace.saving():
        clock.now += 5
    assert pace.is_due
