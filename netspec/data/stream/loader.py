"""Batches of images, decoded ahead of their use by worker processes, or when they are asked for without any."""

from __future__ import annotations

import os
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from netspec.data.image_column import ImageFiles
from netspec.data.image_file import Pixels
from netspec.data.stream.process import Worker, WorkerLost
from netspec.data.stream.work import Work
from netspec.diagnostics import DataError

Places = NDArray[np.int64]

#: Batches that each worker has in hand or waiting.
AHEAD = 2
#: Files from which on worker processes are worth their start, where their number is not said.
MANY = 2_000
MAX_WORKERS = 8
TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    places: Places
    epoch: int
    worker: int

    def is_for(self, places: Places, epoch: int) -> bool:
        return self.epoch == epoch and np.array_equal(self.places, places)


class Loader:
    """Images of files after some changes, the same whatever the number of workers.

    Args:
        files: The data.
        work: What is done to them.
        workers: Processes; None: by the number of files and of cores.
        timeout: Seconds without an answer after which a worker counts as hung.
    """

    def __init__(
        self, files: ImageFiles, work: Work, *, workers: int | None = None, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        self._files = files
        self._work = work
        self._count = _by_default(len(files)) if workers is None else workers
        self._timeout = timeout
        self._workers: list[Worker] = []
        self._planned: deque[_Task] = deque()
        self._sent: deque[_Task] = deque()
        self._number = 0
        weakref.finalize(self, _close, self._workers)

    def expect(self, batches: Iterable[Places], epoch: int) -> None:
        """The batches that will be asked for next, in order; what was expected before is forgotten."""
        self._planned.clear()
        while self._sent:
            self._receive(self._sent.popleft())
        if self._count:
            for places in batches:
                self._planned.append(_Task(places, epoch, self._number % self._count))
                self._number += 1

    def take(self, places: Places, epoch: int) -> Pixels:
        """Some images, uint8 `[N, *]`.

        Raises:
            DataError: `data-file`, `data-value`, naming the file; `data-worker`: a worker died or hangs.
        """
        if not any(task.is_for(places, epoch) for task in (*self._sent, *self._planned)):
            return self._work.make(self._names(places), places.tolist(), epoch)
        # Whoever goes on in the middle of an epoch passes by its first batches.
        while self._sent and not self._sent[0].is_for(places, epoch):
            self._receive(self._sent.popleft())
        while not self._sent and not self._planned[0].is_for(places, epoch):
            self._planned.popleft()
        self._send()
        found = self._receive(self._sent.popleft())
        self._send()
        return found

    def close(self) -> None:
        """End all workers; what is expected is forgotten."""
        _close(self._workers)
        self._planned.clear()
        self._sent.clear()

    def _send(self) -> None:
        if not self._workers:
            self._workers += [Worker(self._work) for _ in range(self._count)]
        while self._planned and len(self._sent) < AHEAD * self._count:
            task = self._planned.popleft()
            names = self._names(task.places)
            self._workers[task.worker].send({"names": names, "places": task.places.tolist(), "epoch": task.epoch})
            self._sent.append(task)

    def _receive(self, task: _Task) -> Pixels:
        try:
            return self._workers[task.worker].receive(self._timeout, self._look)
        except WorkerLost as lost:
            error = self._lost(task, str(lost))
            self.close()
            raise error from None

    def _look(self) -> None:
        """A worker that died is an error also while another one is waited for."""
        for number, worker in enumerate(self._workers):
            try:
                worker.check()
            except WorkerLost as lost:
                error = self._lost(
                    next((task for task in self._sent if task.worker == number), None), str(lost), number
                )
                self.close()
                raise error from None

    def _lost(self, task: _Task | None, what: str, number: int = 0) -> DataError:
        number = task.worker if task is not None else number
        message = f"worker {number + 1} of {self._count} {what}"
        notes = []
        if task is not None:
            shown = ", ".join(map(str, task.places[:8])) + (", ..." if len(task.places) > 8 else "")
            notes = [
                f"it was to read the samples {shown} of epoch {task.epoch}",
                f"the first is {self._names(task.places[:1])[0]}",
            ]
        place = str(self._files.folder.root)
        help = "`--workers 0` reads the data without other processes"
        return DataError.at(place, "data-worker", message, notes=notes, help=help)

    def _names(self, places: Sequence[int] | Places) -> list[str]:
        return [self._files.name(int(place)) for place in places]


def _by_default(files: int) -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores - 1, MAX_WORKERS) if files >= MANY else 0


def _close(workers: list[Worker]) -> None:
    for worker in workers:
        worker.close()
    workers.clear()
