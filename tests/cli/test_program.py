"""What the system refuses becomes words, not a bug: memory, files, closed and foreign streams."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import netspec
from netspec.cli.program import run as _run
from netspec.diagnostics import NetspecError

Capture = pytest.CaptureFixture[str]
SPEC = "netspec: 1\nargs: {width: 3}\ninputs: {x: [2]}\nlayers:\n  - linear: =width\n"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "net.yaml"
    path.write_text(SPEC)
    return path


def fresh(*words: str | bytes, **settings: str) -> subprocess.CompletedProcess[bytes]:
    """The program in an interpreter of its own."""
    environment = os.environ | settings
    command = [sys.executable, "-m", "netspec", *words]
    return subprocess.run(command, capture_output=True, env=environment, check=False, timeout=120)


def test_an_unknown_command_without_a_near_one(capsys: Capture) -> None:
    assert _run(["quantise"]) == 2
    assert "no command is called 'quantise'; `netspec --help` shows them" in capsys.readouterr().err


def test_memory_that_runs_out_is_not_a_bug(
    spec: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More bytes than there are addresses: NumPy's error, ours where NumPy has another, and torch's."""
    netspec.export_onnx(spec, tmp_path / "net.onnx")
    for size in ("9" * 17, str(2**62)):
        words = ["bench", str(tmp_path / "net.onnx"), "--trusted", "--runs", "1", "--batch-size", size]
        assert _run(words) == 1
        assert "memory ran out" in capsys.readouterr().err
    monkeypatch.setattr(netspec, "export_onnx", lambda *_, **__: torch.empty(2**58))
    assert _run(["export", str(spec), "-o", str(tmp_path / "large.onnx"), "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["diagnostics"][0]["message"] == "memory ran out"


def test_a_name_that_the_system_refuses(capsys: Capture) -> None:
    name = "x" * 5000
    for words in (["check", name], ["summary", name], ["eval", name], ["runs", name], ["run", name, name]):
        assert _run(words) == 1, words
        assert "file name too long" in capsys.readouterr().err
    with pytest.raises(NetspecError, match="cannot read: file name too long"):
        netspec.load(name)


def test_onnx_cannot_open_every_name(spec: Path, tmp_path: Path, capsys: Capture) -> None:
    assert _run(["export", str(spec), "-o", os.fsdecode(os.fsencode(tmp_path) + b"/\xff.onnx")]) == 1
    assert "\\udcff.onnx" in (said := capsys.readouterr().err) and "ONNX opens files by names in UTF-8" in said
    assert [path.name for path in tmp_path.iterdir()] == ["net.yaml"]


def test_a_closed_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert _run(["check", "-"]) == 1
    assert "the standard input is closed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_command_that_is_told_to_end_cleans_up(tmp_path: Path, name: str) -> None:
    """It ends in the middle of writing a file, and in a folder of its own."""
    code = f"""
import os, signal, tempfile
from netspec import atomic
from netspec.cli import program
def slow(*args, **kwargs):
    with tempfile.TemporaryDirectory(dir={str(tmp_path)!r}), atomic.replacing({str(tmp_path / "x.onnx")!r}):
        os.kill(os.getpid(), signal.{name})
program.program.main = slow
program.main([])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (130, b"interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "1>&- 2>&-"])
@pytest.mark.parametrize(("reference", "code"), [("mnist_convnet", 0), ("nothing", 1)])
def test_closed_streams_change_no_exit_code(closed: str, reference: str, code: int) -> None:
    command = f'"$0" -m netspec check {reference} {closed}'
    done = subprocess.run(["sh", "-c", command, sys.executable], capture_output=True, check=False, timeout=120)
    assert done.returncode == code
    assert b"a bug" not in done.stderr


@pytest.mark.parametrize("encoding", ["utf-8:strict", "latin-1:strict", "ascii:strict"])
def test_names_that_a_terminal_cannot_show_are_escaped(tmp_path: Path, encoding: str) -> None:
    name = os.fsencode(tmp_path) + b"/\xff\xc3\xa9.yaml"
    Path(os.fsdecode(name)).write_text(SPEC)
    done = fresh("check", name, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.endswith(b".yaml: ok, 9 parameters, 6 multiply-accumulates\n")


def test_prediction_tells_nobody(spec: Path, tmp_path: Path) -> None:
    """ONNX Runtime of PyPI would keep an identity of the machine in these folders, and send it with its usage data."""
    netspec.export_onnx(spec, tmp_path / "net.onnx")
    np.save(tmp_path / "x.npy", np.zeros((1, 2), np.float32))
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    done = fresh("run", str(tmp_path / "net.onnx"), str(tmp_path / "x.npy"), HOME=str(home), TMPDIR=str(temporary))
    assert done.returncode == 0, done.stderr
    assert [*home.rglob("*"), *temporary.rglob("*")] == []
