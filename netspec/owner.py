"""Who made a lock or a temporary file, and whether it still runs.

A number of a process is used again after its end, so the time of its start goes with it; and it means something only on
its own machine, in its own namespace of processes.
"""

from __future__ import annotations

import hashlib
import os
import platform
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Owner:
    """A process: where it runs, its number, and its start in ticks since the machine's."""

    place: str
    pid: int
    started: int

    @classmethod
    def current(cls) -> Self:
        """This process."""
        return cls(_place(), os.getpid(), _started(os.getpid()) or 0)

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The owner that `str` gave, or None."""
        parts = text.split("-")
        if len(parts) != 3 or not all(each.isascii() and each.isdigit() for each in parts[1:]):
            return None
        return cls(parts[0], int(parts[1]), int(parts[2]))

    def __str__(self) -> str:
        return f"{self.place}-{self.pid}-{self.started}"

    @property
    def is_gone(self) -> bool:
        """Whether it is known to run no more; of a process elsewhere nothing is known."""
        return self.place == _place() and _started(self.pid) != self.started


def _place() -> str:
    try:
        namespace = os.readlink("/proc/self/ns/pid")
    except OSError:
        namespace = ""
    return hashlib.sha256(f"{platform.node()} {namespace}".encode()).hexdigest()[:8]


def _started(pid: int) -> int | None:
    """None for a process that is not there; 0 where the system does not say."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The second field is a name in brackets, which may hold spaces and brackets itself.
            return int(file.read().rpartition(b")")[2].split()[19])
    except FileNotFoundError:
        return None if os.path.exists("/proc/self/stat") else _signalled(pid)
    except (OSError, ValueError, IndexError):
        return 0


def _signalled(pid: int) -> int | None:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return 0
