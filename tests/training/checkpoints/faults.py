"""A disk that fails, or a process that dies, at the n-th call that changes or syncs something."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

CALLS = ("open", "write", "fsync", "replace", "link", "mkdir", "unlink", "rmdir", "close", "chmod")


class Died(BaseException):
    """The process is no more: nothing that it would do afterwards reaches the disk."""


class Faults:
    """Counts calls. At call number `at` one fails with `error`, or the process dies before or after it."""

    def __init__(self, at: int, error: int | None = None, *, torn: bool = False, forever: bool = False) -> None:
        self.at = at
        self.count = 0
        self._error = error
        self._torn = torn
        self._forever = forever

    def call(self, name: str, real: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
        self.count += 1
        hit = self.count == self.at or (self.count > self.at and (self._forever or self._error is None))
        if not hit:
            return real(*arguments, **named)
        if self._torn and name == "write" and self.count == self.at:
            real(arguments[0], bytes(arguments[1])[: len(arguments[1]) // 2])
        if self._error is not None:
            if name == "close":
                real(*arguments, **named)
            raise OSError(self._error, os.strerror(self._error))
        raise Died


@contextmanager
def faulty(monkeypatch: pytest.MonkeyPatch, faults: Faults) -> Iterator[Faults]:
    """Every call of the block that writes goes through `faults`."""
    with monkeypatch.context() as patch:
        for name in CALLS:
            real = getattr(os, name)
            patch.setattr(os, name, lambda *a, _name=name, _real=real, **k: faults.call(_name, _real, a, k))
        yield faults


ERRORS = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)
