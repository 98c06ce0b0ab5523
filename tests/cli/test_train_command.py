"""`netspec train` as a process: signals, kills and exit codes, and going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netspec.cli.program import run as _run
from netspec.training.checkpoints.store import Store
from tests.training.specs import HEAD, TRAIN, write_data

Capture = pytest.CaptureFixture[str]
LONG = HEAD + TRAIN.replace("epochs: 3", "steps: 1000000").replace("  validation: 0.25\n", "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_data(tmp_path)
    (tmp_path / "net.yaml").write_text(HEAD + TRAIN)
    (tmp_path / "long.yaml").write_text(LONG)
    return tmp_path


def begun(folder: Path) -> subprocess.Popen[str]:
    """A run that would go on for long, after its first checkpoints."""
    words = ["train", "long.yaml", "-o", "run", "-q", "--device", "cpu", "--checkpoint-every", "0"]
    child = subprocess.Popen([sys.executable, "-m", "netspec", *words], cwd=folder, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(Store(folder / "run").steps()) < 2:
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    return child


def test_a_run_that_is_told_to_stop_exits_with_75_and_one_that_is_killed_leaves_its_state(folder: Path) -> None:
    child = begun(folder)
    other = [sys.executable, "-m", "netspec", "train", "--resume", "run", "-q"]
    refused = subprocess.run(other, cwd=folder, capture_output=True, text=True)
    assert refused.returncode == 1
    assert f"another process trains in this directory: pid {child.pid}, since" in refused.stderr
    os.kill(child.pid, signal.SIGTERM)
    started = time.monotonic()
    _, said = child.communicate(timeout=60)
    assert child.returncode == 75 and time.monotonic() - started < 10
    step = Store(folder / "run").steps()[-1]
    expected = f"stopped by SIGTERM after step {step:,}; saved in run\ngo on with: netspec train --resume run"
    assert said.strip() == expected
    assert (folder / "run" / "last.safetensors").exists() and Store(folder / "run").open().step == step

    words = [sys.executable, "-m", "netspec", "train", "--resume", "run", "-q", "--checkpoint-every", "0"]
    child = subprocess.Popen(words, cwd=folder)
    deadline = time.monotonic() + 120
    while Store(folder / "run").steps()[-1] < step + 3:
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    store = Store(folder / "run")
    assert all(store.open(each).step == each for each in store.steps()) and store.steps()[-1] >= step + 3


def test_a_finished_run_is_made_longer(folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert _run(["train", "net.yaml", "-o", "run", "-q", "--device", "cpu"]) == 0
    capsys.readouterr()
    words = ["train", "--resume", "run", "-q", "--set", "train.epochs=4", "--format", "json"]
    assert _run(words) == 0
    told = capsys.readouterr()
    assert "warning[checkpoint]: changed, and harmless" in told.err and "`train.epochs` was 3, is 4" in told.err
    assert json.loads(told.out)["directory"] == "run"
    rows = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3, 4]
    (folder / "net.yaml").write_text((HEAD + TRAIN).replace("sgd: 0.05", "sgd: 0.06"))
    assert _run(["train", "net.yaml", "--resume", "run", "-q"]) == 1
    said = capsys.readouterr().err
    assert "error[checkpoint]: the run cannot go on: `train.optimizer.sgd` was 0.05, is 0.06" in said
    assert "`train.epochs` was 4, is 3" in said


def test_words_that_do_not_go_together(folder: Path, capsys: Capture) -> None:
    for words in (["train"], ["train", "--resume", str(folder), "-o", "x"], ["train", "--resume", str(folder / "no")]):
        assert _run(words) == 2
    assert "name a SPEC, or a run with --resume" in capsys.readouterr().err
