"""Signals end a run with its state saved, from which it goes on to the same bits."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from netspec.training import staged
from netspec.training.checkpoints.store import Store
from netspec.training.finite import Moment
from netspec.training.interrupt import TrainingInterrupted
from netspec.training.objective import Objective
from tests.training.resuming import (
    DROPOUT,
    KillAfter,
    assert_equal,
    contents,
    resumed,
    trained,
)
from tests.training.specs import HEAD, TRAIN, spec_of, write_data


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> tuple[np.ndarray, np.ndarray]:
    return write_data(tmp_path)


class SignalAfter(KillAfter):
    """Sends a signal to the process after so many steps."""

    def __init__(self, steps: int, number: signal.Signals) -> None:
        super().__init__(steps)
        self._number = number

    def stepped(self, moment: Moment) -> None:
        self.left -= 1
        if not self.left:
            os.kill(os.getpid(), self._number)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 75), (signal.SIGHUP, 75)])
def test_a_signal_finishes_the_step_and_saves(tmp_path: Path, number: signal.Signals, code: int) -> None:
    spec = spec_of(DROPOUT + TRAIN, tmp_path)
    trained(spec, tmp_path / "whole")
    observer = SignalAfter(7, number)
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with pytest.raises(TrainingInterrupted) as caught:
        trained(spec, tmp_path / "run", observing=lambda *_: [observer])
    assert caught.value.exit_code == code and caught.value.step == 7
    assert str(caught.value) == (
        f"stopped by {number.name} after step 7; saved in {tmp_path / 'run'}\n"
        f"go on with: netspec train --resume {tmp_path / 'run'}"
    )
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == handlers
    assert (tmp_path / "run" / "curves.svg").exists() == (number is signal.SIGINT)
    resumed(tmp_path / "run")
    assert_equal(contents(tmp_path / "run"), contents(tmp_path / "whole"))


@pytest.mark.parametrize("where", ["evaluation", "checkpoint"])
def test_a_signal_in_the_last_evaluation_or_checkpoint_ends_the_run_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    spec = spec_of(HEAD + TRAIN, tmp_path)
    whole = trained(spec, tmp_path / "whole")
    owner, name, times = (Objective, "measure", 3) if where == "evaluation" else (Store, "save", 1)
    plain, calls = getattr(owner, name), list[int]()

    def signalled(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == times:
            os.kill(os.getpid(), signal.SIGTERM)
        return plain(*arguments)

    with monkeypatch.context() as patched:
        patched.setattr(owner, name, signalled)
        with pytest.raises(TrainingInterrupted) as caught:
            trained(spec, tmp_path / "run")
    assert caught.value.exit_code == 75 and caught.value.step == whole.history[-1]["step"] == 15
    assert not (tmp_path / "run" / "result.json").exists()
    resumed(tmp_path / "run")
    assert_equal(contents(tmp_path / "run"), contents(tmp_path / "whole"))


def test_a_second_signal_ends_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second Ctrl-C comes while the state is saved."""
    observer = SignalAfter(7, signal.SIGINT)
    monkeypatch.setattr(Store, "save", lambda *_: os.kill(os.getpid(), signal.SIGINT))
    drawn: list[object] = []
    monkeypatch.setattr(staged, "draw", lambda *_: drawn.append(1))
    with pytest.raises(KeyboardInterrupt) as caught:
        trained(spec_of(HEAD + TRAIN, tmp_path), tmp_path / "run", observing=lambda *_: [observer])
    assert not isinstance(caught.value, TrainingInterrupted) and not drawn


def test_an_ignored_signal_stays_ignored(tmp_path: Path) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        observer = SignalAfter(3, signal.SIGHUP)
        trained(spec_of(HEAD + TRAIN, tmp_path), tmp_path / "run", observing=lambda *_: [observer])
        assert observer.left < 0 and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
