"""Files that take their place whole, and what is left where a process was killed before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from netspec import atomic

KILLED = """
import os, signal, sys
from netspec import atomic
with atomic.replacing(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_while_writing(target: Path) -> Path:
    """What it leaves."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    (left,) = (each for each in target.parent.glob("*.tmp") if target.name in each.name)
    return left


def test_the_next_write_removes_what_a_killed_one_left_of_this_file_alone(tmp_path: Path) -> None:
    target, other = tmp_path / "a[1].txt", tmp_path / "b.txt"
    target.write_text("before")
    left, others = killed_while_writing(target), killed_while_writing(other)
    assert target.read_text() == "before"
    with atomic.replacing(target) as mine:
        assert not left.exists() and others.exists()
        atomic.write(target, "inner")  # one that is being written by a living process stays
        assert mine.exists()
        mine.write_text("after")
    assert target.read_text() == "after"
    assert sorted(os.listdir(tmp_path)) == sorted([target.name, others.name])
