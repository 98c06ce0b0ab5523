"""Ctrl-C: the step is finished, everything is saved, and the caller learns where."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by the user; what there was is saved in `directory`. Commands exit with 130."""

    def __init__(self, directory: Path, step: int) -> None:
        super().__init__(f"stopped after step {step:,}; saved in {directory}")
        self.directory = directory
        self.step = step


@dataclass(slots=True, eq=False, repr=False)
class Stop:
    """Whether the user asked to stop."""

    requested: bool = False


@contextmanager
def on_interrupt() -> Iterator[Stop]:
    """Turn the first SIGINT into a request; a second one interrupts at once. Signals reach the main thread only."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def request(number: int, frame: FrameType | None) -> None:
        stop.requested = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, request)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
