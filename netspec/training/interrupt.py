"""Signals that end a run: the step is finished, everything is saved, and the caller learns where."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

INTERRUPTED = 130
#: Stopped, and can be resumed (EX_TEMPFAIL of sysexits.h).
STOPPED = 75
#: Ctrl-C; what `kill` and schedulers send; a terminal that was closed. Windows lacks the last one.
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


class TrainingInterrupted(KeyboardInterrupt):
    """Training was stopped by a signal; `netspec train --resume` with `directory` goes on as if it had not been.

    Commands exit with `exit_code`: 130 after Ctrl-C, else 75.
    """

    def __init__(self, directory: Path, step: int, by: signal.Signals = signal.SIGINT) -> None:
        super().__init__(
            f"stopped by {by.name} after step {step:,}; saved in {directory}\n"
            f"go on with: netspec train --resume {directory}"
        )
        self.directory = directory
        self.step = step
        self.exit_code = INTERRUPTED if by is signal.SIGINT else STOPPED


@dataclass(slots=True, eq=False, repr=False)
class Stop:
    """The signal that asked to stop, if one has."""

    by: signal.Signals | None = None


@contextmanager
def on_interrupt() -> Iterator[Stop]:
    """Turn the first signal into a request; a second one does at once what it did before.

    Signals reach the main thread only. One that is ignored (`nohup`) stays ignored.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    # None: a handler that was not set from Python.
    before = {each: signal.getsignal(each) for each in SIGNALS}
    taken = {each: found for each, found in before.items() if found not in (signal.SIG_IGN, None)}

    def give_back() -> None:
        for each, found in taken.items():
            signal.signal(each, found)

    def request(number: int, frame: FrameType | None) -> None:
        stop.by = signal.Signals(number)
        give_back()

    for each in taken:
        signal.signal(each, request)
    try:
        yield stop
    finally:
        give_back()
