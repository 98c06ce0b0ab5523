"""When the next checkpoint is due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

#: Seconds between two checkpoints.
EVERY_SECONDS = 60.0
#: At most one part in so many of the time goes into checkpoints, however large they are.
SHARE = 40


@dataclass(slots=True)
class Pace:
    """Counts time by the monotonic clock. With `every_seconds` 0 a checkpoint is due after every step."""

    every_seconds: float = EVERY_SECONDS
    _next: float = field(init=False)

    def __post_init__(self) -> None:
        self._next = time.monotonic() + self.every_seconds

    @property
    def is_due(self) -> bool:
        """Whether it is time."""
        return time.monotonic() >= self._next

    @contextmanager
    def saving(self) -> Iterator[None]:
        """The time of a save, from whose end the time to the next one counts."""
        started = time.monotonic()
        yield
        ended = time.monotonic()
        pause = max(self.every_seconds, SHARE * (ended - started)) if self.every_seconds else 0.0
        self._next = ended + pause
