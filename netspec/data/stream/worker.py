"""A process that decodes images: tasks come in, arrays go out, and the end of the input is its own end.

`python -m netspec.data.stream.worker`, started by `loader`.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from typing import Any, BinaryIO

from netspec.data.stream import frames
from netspec.data.stream.work import Work
from netspec.diagnostics import NetspecError

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Work until there is no more input, or nobody who reads."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, which ends its workers
    _die_with_the_parent()
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    first = frames.read(source)
    if first is None:
        return
    work, tasks = Work.from_json(first), queue.Queue[dict[str, Any]]()
    threading.Thread(target=_receive, args=(source, tasks), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        while True:
            _answer(work, tasks.get(), sink)


def _receive(source: BinaryIO, tasks: queue.Queue[dict[str, Any]]) -> None:
    """Take tasks as they come. The end of the input ends the process, whatever it is doing."""
    while (task := frames.read(source)) is not None:
        tasks.put(task)
    os._exit(0)


def _answer(work: Work, task: dict[str, Any], sink: BinaryIO) -> None:
    try:
        made = work.make(task["names"], task["places"], task["epoch"])
    except NetspecError as error:
        found = error.diagnostics[0]
        said = {"code": found.code, "place": found.place or "", "message": found.message, "help": found.help}
        sink.write(frames.encode({"error": said}))
    else:
        sink.write(frames.encode({"shape": made.shape}))
        sink.write(made.data.cast("B"))
    sink.flush()


def _die_with_the_parent() -> None:
    """Also where the process is stopped and reads nothing (Linux)."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main()
