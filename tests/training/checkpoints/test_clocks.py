"""Clocks that jump, and times of files that lie, change neither the checkpoint nor the weights nor how long it took."""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path

import pytest

from netspec.training.checkpoints.store import Store
from tests.training.resuming import assert_equal, contents, killed_after, resumed, trained
from tests.training.specs import HEAD, TRAIN, spec_of, write_data

YEAR = 365 * 24 * 3600


@pytest.fixture
def jumping(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock on the wall is a year ahead, a year behind, and right, whenever somebody looks."""
    jumps, now, written = itertools.cycle([YEAR, -YEAR, 0]), time.time, time.strftime
    monkeypatch.setattr(time, "time", lambda: now() + next(jumps))
    monkeypatch.setattr(time, "strftime", lambda form, *_: written(form, time.localtime(now() + next(jumps))))


@pytest.mark.usefixtures("jumping")
def test_the_last_checkpoint_is_that_of_the_highest_step(tmp_path: Path) -> None:
    write_data(tmp_path)
    spec = spec_of(HEAD + TRAIN, tmp_path)
    whole = trained(spec, tmp_path / "whole")
    killed_after(spec, tmp_path / "run", 6)
    store = Store(tmp_path / "run")
    older, newer = store.steps()
    for step, moment in ((older, time.time() + YEAR), (newer, 0.0)):
        for path in (store.directory / f"{step:09d}", *(store.directory / f"{step:09d}").iterdir()):
            os.utime(path, (moment, moment))
    assert store.open().step == newer == 5
    run = resumed(tmp_path / "run")
    assert_equal(contents(tmp_path / "run"), contents(tmp_path / "whole"))
    for each in (whole, run):
        seconds = [row["seconds"] for row in each.history]
        assert seconds == sorted(seconds) and seconds[0] > 0 and each.seconds < YEAR / 2


@pytest.mark.usefixtures("jumping")
def test_runs_that_begin_at_one_moment_have_directories_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_data(tmp_path)
    spec = spec_of(HEAD + TRAIN.replace("epochs: 3", "steps: 1"), tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda *_: "20260101-000000")
    names = [trained(spec, None).directory.name for _ in range(3)]  # type: ignore[arg-type]
    assert names == ["20260101-000000", "20260101-000000-2", "20260101-000000-3"]
