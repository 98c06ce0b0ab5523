"""One worker process as the run sees it: tasks go in, and each answer comes within a time, or an error does."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from netspec.data.image_file import Pixels
from netspec.data.stream import frames
from netspec.data.stream.work import Work
from netspec.diagnostics import DataError

#: How often one looks whether the other workers are alive, in seconds.
LOOK_SECONDS = 0.5


class WorkerLost(Exception):
    """A worker died or does not answer; the message says which."""


class Worker:
    """A process that does a work. `close` ends it; so does the end of this process, however it comes."""

    def __init__(self, work: Work) -> None:
        path = os.pathsep.join(each for each in sys.path if each)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
        self._process = subprocess.Popen(
            [sys.executable, "-m", "netspec.data.stream.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"},
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout.fileno()
        self.send(work.as_json())

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def send(self, header: dict[str, Any]) -> None:
        """Hand over a task. A worker that is gone is noticed when its answer is waited for."""
        with contextlib.suppress(BrokenPipeError):
            self._in.write(frames.encode(header))
            self._in.flush()

    def receive(self, timeout: float, look: Callable[[], None]) -> Pixels:
        """The answer to the oldest task that has none yet.

        Args:
            timeout: Seconds until it counts as hung.
            look: Called twice a second meanwhile.

        Raises:
            DataError: what the worker found wrong with a file.
            WorkerLost: it died, or does not answer.
        """
        self._until, self._timeout, self._look = time.monotonic() + timeout, timeout, look
        length = int.from_bytes(self._read(frames.LENGTH_BYTES), "big")
        header = json.loads(self._read(length).tobytes())
        if "error" in header:
            said = header["error"]
            raise DataError.at(said["place"], said["code"], said["message"], help=said["help"])
        return self._read(int(np.prod(header["shape"]))).reshape(header["shape"])

    def check(self) -> None:
        """Notice that it died.

        Raises:
            WorkerLost: it did.
        """
        code = self._process.poll()
        if code is not None:
            raise WorkerLost(self._ending(code))

    def close(self) -> None:
        """End it now."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _read(self, count: int) -> Pixels:
        """So many bytes."""
        found = np.empty(count, np.uint8)
        at = 0
        while at < count:
            self._wait()
            got = os.readv(self._out, [found.data[at:]])
            if got == 0:
                raise WorkerLost(self._ending(self._process.wait()))
            at += got
        return found

    def _wait(self) -> None:
        while True:
            left = self._until - time.monotonic()
            if select.select([self._out], [], [], max(0.0, min(left, LOOK_SECONDS)))[0]:
                return
            if left <= 0:
                raise WorkerLost(f"did not answer within {self._timeout:g} seconds")
            self._look()

    def _ending(self, code: int) -> str:
        if code < 0:
            return f"was killed by {signal.Signals(-code).name}"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"ended with code {code}" + (f": {lines[-1][:200]}" if lines else "")
