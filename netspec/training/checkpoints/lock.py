"""One run in a directory: the system gives the lock to one process, and takes it back when that ends, however it ends.

The file of the lock stays; in it stands who had it last, so that others can say who has it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from netspec import atomic
from netspec.diagnostics import NetspecError
from netspec.owner import Owner

LOCK = ".lock"
# The name is written right after the lock is taken.
_PATIENCE_SECONDS = 2.0
_HELD: set[int] = set()


@contextmanager
def exclusive(directory: Path) -> Iterator[Path]:
    """Have a run directory to oneself while the block runs.

    Raises:
        NetspecError: `unwritable`: another process trains there, which is named, or the directory refuses.
    """
    handle = _opened(directory / LOCK)
    _HELD.add(handle)
    try:
        _take(handle, directory)
        try:
            yield directory
        finally:
            with suppress(OSError):  # who reads it looks whether the owner still runs
                os.ftruncate(handle, 0)
    finally:
        _HELD.discard(handle)
        with suppress(OSError):
            os.close(handle)


def holder(directory: Path) -> Owner | None:
    """The process that trains in a directory, as far as that can be told without taking its lock."""
    try:
        owner = Owner.parse((directory / LOCK).read_text().split(" ", 1)[0])
    except (OSError, ValueError):
        return None
    return None if owner is None or owner.is_gone else owner


def _opened(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise atomic.unwritable(path, error) from None


def _take(handle: int, directory: Path) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{Owner.current()} {time.strftime('%Y-%m-%d %H:%M:%S')}\n".encode(), 0)
        if not os.fstat(handle).st_nlink:  # who had it has taken the directory back
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
    except BlockingIOError:
        message = f"another process trains in this directory{_name(handle)}"
        raise NetspecError.at(
            str(directory), "unwritable", message, help="wait for it, or name another directory"
        ) from None
    except OSError as error:
        raise atomic.unwritable(directory / LOCK, error) from None


def _name(handle: int) -> str:
    """`: pid 12, since ...` of who has the lock; nothing if that cannot be found out."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < deadline:
        words = os.pread(handle, 200, 0).decode(errors="replace").split(" ", 1)
        owner = Owner.parse(words[0])
        if owner is not None and len(words) == 2 and words[1].endswith("\n") and not owner.is_gone:
            return f": pid {owner.pid}, since {words[1].strip()}"
        time.sleep(0.01)
    return ""


def _let_go() -> None:
    """A worker that outlives its parent, which was killed, must not keep the lock."""
    for handle in _HELD:
        os.close(handle)
    _HELD.clear()


os.register_at_fork(after_in_child=_let_go)
