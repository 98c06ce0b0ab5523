"""`netspec runs`: what was trained, in what it differs, and whether it is whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from netspec.cli.program import run as _run
from netspec.training.checkpoints.lock import exclusive
from netspec.training.run import train
from tests.training.resuming import KillAfter, Killed
from tests.training.specs import HEAD, TRAIN, spec_of, write_data

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs: one finished, one with another rate, one that was killed."""
    folder = tmp_path_factory.mktemp("project")
    write_data(folder)
    train(spec_of(HEAD + TRAIN, folder), directory=folder / "runs" / "small" / "a", threads=1)
    other = HEAD + TRAIN.replace("sgd: 0.05", "sgd: 0.1")
    train(spec_of(other, folder), directory=folder / "runs" / "small" / "b", threads=1, seed=7)
    killer = KillAfter(8)
    with pytest.raises(Killed):
        train(
            spec_of(HEAD + TRAIN, folder),
            directory=folder / "runs" / "killed",
            threads=1,
            checkpoint_seconds=0,
            observing=lambda *_: [killer],
        )
    return folder


@pytest.fixture
def project(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained / "runs", tmp_path / "runs")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(capsys: Capture, *words: str, code: int = 0) -> dict[str, object]:
    assert _run(["runs", *words, "--format", "json"]) == code
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_runs_are_listed_with_how_far_they_came(project: Path, capsys: Capture) -> None:
    assert _run(["runs"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == "run spec status step epoch minutes validation_loss validation_accuracy".split()
    assert [line[:5] for line in lines[2:]] == [
        ["runs/killed", "small", "stopped", "7", "1"],
        ["runs/small/a", "small", "finished", "15", "3"],
        ["runs/small/b", "small", "finished", "15", "3"],
    ]
    rows = [json.loads(line) for line in Path("runs/small/a/metrics.jsonl").read_text().splitlines()]
    assert lines[3][6] == f"{min(row['validation_loss'] for row in rows):.4f}"


def test_named_runs_are_compared(project: Path, capsys: Capture) -> None:
    assert _run(["runs", "runs/small/a", "runs/small/b"]) == 0
    lines = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert [line.split() for line in lines[2:]] == [
        ["train.optimizer.sgd", "0.05", "0.1"],
        ["seed", "0", "7"],
    ]
    found = told(capsys, "runs/small/a", "runs/small/b")
    assert found["differences"] == {"train.optimizer.sgd": ["0.05", "0.1"], "seed": ["0", "7"]}
    assert told(capsys, "runs/small")["differences"] == {}


def test_everything_stands_in_the_document(project: Path, capsys: Capture) -> None:
    found = told(capsys, "runs/killed", "--verify")
    assert found["ok"] is True and found["damage"] == []
    (run,) = found["runs"]  # type: ignore[misc]
    assert run["status"] == "stopped" and run["checkpoints"] == [6, 7] and run["seed"] == 0
    assert run["step"] == 7 and set(run["metrics"]) > {"validation_loss", "train_loss"}


def test_a_run_that_goes_on_is_running(project: Path, capsys: Capture) -> None:
    with exclusive(Path("runs/killed")):
        (run,) = told(capsys, "runs/killed")["runs"]  # type: ignore[misc]
        assert run["status"] == "running"
    (run,) = told(capsys, "runs/killed")["runs"]  # type: ignore[misc]
    assert run["status"] == "stopped"


@pytest.mark.parametrize(
    "name", ["best.safetensors", "last.safetensors", "checkpoints/000000007/state.safetensors"]
)  # fmt: skip
def test_damage_is_found_and_named(project: Path, capsys: Capture, name: str) -> None:
    path = Path("runs/killed") / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.unlink()  # checkpoints share files with the run
    path.write_bytes(data)
    assert _run(["runs", "runs/killed", "--verify"]) == 1
    assert f"--> {path}" in capsys.readouterr().err
    found = told(capsys, "--verify", code=1)
    assert [each["file"] for each in found["damage"]] == [str(path)] and not found["ok"]  # type: ignore[attr-defined]
    assert _run(["runs", "runs/small/a", "--verify"]) == 0
    assert "every file is as it was written" in capsys.readouterr().out


def test_where_there_are_none(tmp_path: Path, capsys: Capture) -> None:
    assert _run(["runs", str(tmp_path)]) == 1
    assert "error[checkpoint]: there is no run in this directory" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "text"), [
    ("environment.json", "[]"), ("environment.json", "{"), ("metrics.jsonl", "3\n"), ("result.json", "\xff"),
])  # fmt: skip
def test_notes_that_cannot_be_read(project: Path, capsys: Capture, name: str, text: str) -> None:
    (Path("runs/small/a") / name).write_bytes(text.encode("latin1"))
    assert _run(["runs"]) == 1
    assert f"runs/small/a/{name}" in capsys.readouterr().err


def test_notes_that_anybody_wrote_are_no_bug(project: Path, capsys: Capture) -> None:
    Path("runs/small/a/metrics.jsonl").write_text('{"step": "a", "epoch": [], "validation_loss": {}}\n')
    Path("runs/small/a/result.json").write_text('{"metrics": {"validation_loss": "low", "validation_accuracy": 0.5}}')
    (run,) = told(capsys, "runs/small/a")["runs"]  # type: ignore[misc]
    assert (run["step"], run["epoch"], run["metrics"]) == (15, None, {"validation_accuracy": 0.5})
    assert _run(["runs"]) == 0
