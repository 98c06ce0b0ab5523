"""One run in a directory: of a hundred that start at once exactly one does, and the dead keep nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netspec.diagnostics import NetspecError
from netspec.owner import Owner
from netspec.training.checkpoints.lock import LOCK, exclusive

#: Takes the lock, says so, and keeps it until its input ends; or says who has it.
CHILD = """
import sys
from netspec.training.checkpoints.lock import exclusive
from netspec.diagnostics import NetspecError
from pathlib import Path
try:
    with exclusive(Path(sys.argv[1])):
        print("mine", flush=True)
        sys.stdin.read()
except NetspecError as error:
    print(error, flush=True)
"""


def start(directory: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", CHILD, str(directory)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def answer(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def end(child: subprocess.Popen[str]) -> None:
    child.communicate()


def race(directory: Path, count: int) -> None:
    children = [start(directory) for _ in range(count)]
    answers = [answer(child) for child in children]
    (winner,) = [child for child, said in zip(children, answers, strict=True) if said == "mine"]
    named = f"{directory}: another process trains in this directory: pid {winner.pid}, since 20"
    assert sum(said.startswith(named) for said in answers) == count - 1
    for child in children:
        end(child)


def test_of_some_that_start_at_once_one_runs(tmp_path: Path) -> None:
    race(tmp_path, 12)


@pytest.mark.slow
def test_of_a_hundred_that_start_at_once_one_runs(tmp_path: Path) -> None:
    race(tmp_path, 100)


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    child = start(tmp_path)
    assert answer(child) == "mine"
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert str(child.pid) in (tmp_path / LOCK).read_text()
    end(child)
    with exclusive(tmp_path):
        assert (tmp_path / LOCK).read_text().startswith(str(Owner.current()))


def test_one_process_cannot_have_it_twice(tmp_path: Path) -> None:
    with exclusive(tmp_path):
        with pytest.raises(NetspecError, match=f"pid {os.getpid()}, since") as caught, exclusive(tmp_path):
            pass
        assert caught.value.diagnostics[0].code == "unwritable"
    with exclusive(tmp_path):
        pass


def test_a_worker_that_outlives_its_parent_does_not_keep_it(tmp_path: Path) -> None:
    heard, said = os.pipe()
    with exclusive(tmp_path):
        worker = os.fork()
        if not worker:
            os.write(said, b"1")
            time.sleep(60)
            os._exit(0)
        assert os.read(heard, 1) == b"1"
    try:
        with exclusive(tmp_path):
            pass
    finally:
        os.kill(worker, signal.SIGKILL)
        os.waitpid(worker, 0)
        os.close(heard)
        os.close(said)


def test_who_cannot_be_named_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netspec.training.checkpoints.lock._PATIENCE_SECONDS", 0.05)
    for text in ("", "no owner\n", f"{Owner(Owner.current().place, 2**22 + 5, 3)} 2026-01-01\n"):
        with exclusive(tmp_path):
            (tmp_path / LOCK).write_text(text)
            with pytest.raises(NetspecError) as caught, exclusive(tmp_path):
                pass
            assert caught.value.diagnostics[0].message == "another process trains in this directory"


def test_a_directory_that_refuses(tmp_path: Path) -> None:
    with pytest.raises(NetspecError, match="cannot write: no such file or directory"), exclusive(tmp_path / "none"):
        pass
