"""What checkpoints cost at their default pace, as a share of a run.

A run of mnist_convnet that is long enough for a periodic checkpoint, with the time spent in saving over the time of the
whole run; then saves of a large network (60 million parameters and as many numbers of an optimiser) over the pause that
follows each. Bar: 3 %.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.harness import report
from netspec import load
from netspec.training.checkpoints.contents import Contents
from netspec.training.checkpoints.pace import EVERY_SECONDS, SHARE
from netspec.training.checkpoints.store import Store
from netspec.training.run import train
from netspec.training.saver import Saver
from netspec.weights.stored import from_arrays

STEPS = 5000
TENSORS, SIZE = 300, (200, 1000)
SAVES = 5


def of_a_run(folder: Path) -> None:
    spent: list[float] = []
    save = Saver.save

    def timed(self: Saver) -> None:
        started = time.perf_counter()
        save(self)
        spent.append(time.perf_counter() - started)

    Saver.save = timed
    settings = [f"train.steps={STEPS}", "train.epochs=none"]
    run = train(load("mnist_convnet", settings=settings), directory=folder / "run", threads=1)
    report(
        "checkpoints",
        what="a run of mnist_convnet",
        seconds=run.seconds,
        saves=len(spent),
        seconds_in_saves=sum(spent),
        share=sum(spent) / run.seconds,
        checkpoint_bytes=Store(run.directory).open().num_bytes,
    )


def of_a_large_network(folder: Path) -> None:
    rng = np.random.default_rng(0)
    arrays = {f"layer{n}.weight": rng.standard_normal(SIZE, np.float32) for n in range(TENSORS)}
    state = {f"update/optimizer/{name}/momentum_buffer": array for name, array in arrays.items()}
    contents = Contents({"weights": from_arrays(arrays), "state": from_arrays(state)}, {})
    store, seconds = Store(folder), []
    for step in range(1, SAVES + 1):
        started = time.perf_counter()
        store.save(step, contents, {})
        seconds.append(time.perf_counter() - started)
    save = statistics.median(seconds)
    pause = max(EVERY_SECONDS, SHARE * save)
    report(
        "checkpoints",
        what="a network of 60 million parameters, SGD with momentum",
        seconds_of_a_save=save,
        slowest=max(seconds),
        pause_seconds=pause,
        share=save / (save + pause),
        checkpoint_bytes=store.open().num_bytes,
    )


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="netspec-checkpoints-") as name:
        of_a_large_network(Path(name))
    with tempfile.TemporaryDirectory(prefix="netspec-checkpoints-") as name:
        of_a_run(Path(name))


if __name__ == "__main__":
    main()
