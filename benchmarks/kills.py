"""Runs that are killed with SIGKILL, at random moments and at every call that changes or syncs a file.

After each kill every checkpoint that is there must open; then the run is resumed, and must end with the same bits as
one that was never killed: weights, state, metrics. The state is saved after every step, so that most kills fall into a
save. Children are forked from a process that has imported everything, so that a kill costs no start; they work in
memory where there is /dev/shm, as SIGKILL leaves what was written to the system in either case.

Bars: 0 unreadable checkpoints, at most one step lost, every resumed run equal.
"""

from __future__ import annotations

import json
import mmap
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch._dynamo  # noqa: F401  # an optimiser imports it when it is made first, which takes seconds

from benchmarks.harness import report
from netspec.compiler import load
from netspec.diagnostics import ModelError
from netspec.training.checkpoints.store import Store
from netspec.training.finite import Moment
from netspec.training.observer import Observer
from netspec.training.record import SPEC
from netspec.training.resume import spec_of_run
from netspec.training.run import train

ONE = """\
netspec: 1
name: one
inputs: {x: {shape: [8], preprocess: [{scale: =1/255}]}}
layers:
  - {name: a, linear: 32}
  - batch_norm
  - relu
  - dropout: 0.2
  - {name: b, linear: 3}
train:
  data: {idx: {images: vectors, labels: labels, classes: 3, fields: {x: image, y: label}}}
  validation: 0.25
  batch_size: 10
  loss: {cross_entropy: {target: y}}
  optimizer: {adamw: 0.01}
  schedule: one_cycle
  ema: {decay: 0.9}
  clip_grad_norm: 1
  evaluate: {every: 3}
  steps: STEPS
"""
STAGED = """\
netspec: 1
name: staged
args: {depth: 1}
inputs: {x: {shape: [8], preprocess: [{scale: =1/255}]}}
layers:
  - {name: enc1, linear: 4}
  - sigmoid
  - {name: enc2, when: =depth > 1, linear: 3}
  - {name: dec2, when: =depth > 1, linear: 4}
  - {name: dec1, linear: 8}
train:
  data: {idx: {images: vectors, labels: labels, fields: {x: image}}}
  batch_size: 10
  loss: {mse_loss: {target: x}}
  optimizer: {adam: 0.01}
  evaluate: {every: 2}
  steps: STEPS
  stages: [{name: outer}, {name: inner, set: {depth: 2}, train_only: [enc2, dec2]}]
"""
CALLS = (
    "open",
    "write",
    "fsync",
    "replace",
    "link",
    "mkdir",
    "unlink",
    "rmdir",
    "close",
    "chmod",
    "ftruncate",
    "pwrite",
)


class Progress(Observer):
    """Tells the parent, in shared memory, how many steps are done."""

    def __init__(self) -> None:
        self._shared = mmap.mmap(-1, 8)

    @property
    def steps(self) -> int:
        """Steps that are done."""
        return int.from_bytes(self._shared[:8], "little")

    def clear(self) -> None:
        """Begin again."""
        self._shared[:8] = bytes(8)

    def stepped(self, moment: Moment) -> None:
        """One more."""
        self._shared[:8] = (self.steps + 1).to_bytes(8, "little")


@dataclass
class Count:
    """What came of the kills."""

    kills: int = 0
    finished_before: int = 0
    before_the_first_checkpoint: int = 0
    inside_a_save: int = 0
    unreadable: int = 0
    most_steps_lost: int = 0
    resumed: int = 0
    unequal: int = 0
    places: list[str] = field(default_factory=list)


def forked(work: Callable[[], object]) -> int:
    """The process that does it."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    try:
        work()
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        os._exit(1)
    os._exit(0)


def waited(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def begun(spec: Path, run: Path, progress: Progress) -> None:
    """Begin a run, or go on with it if it is one already."""
    common: dict[str, Any] = {"observing": lambda *_: [progress], "checkpoint_seconds": 0}
    if (run / SPEC).exists():
        train(spec_of_run(run), resume=run, **common)
    else:
        train(load(spec), directory=run, threads=1, **common)


def left_behind(run: Path) -> dict[str, bytes]:
    """Everything but times."""
    found = {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*.safetensors")}
    state = Store(run).open()
    values = {key: value for key, value in state.values().items() if "seconds" not in key}
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    rows = [{key: value for key, value in row.items() if "seconds" not in key} for row in rows]
    return found | {"values": json.dumps([values, rows], sort_keys=True).encode()}


def look(run: Path, progress: Progress, count: Count) -> None:
    """What a kill left behind."""
    store = Store(run)
    for step in store.steps():
        try:
            store.open(step)
        except ModelError as error:
            count.unreadable += 1
            count.places.append(str(error))
    unfinished = [path for path in store.directory.glob("*") if not (path / "manifest.json").exists()]
    count.inside_a_save += bool(unfinished)
    count.before_the_first_checkpoint += not store.steps()
    count.most_steps_lost = max(count.most_steps_lost, progress.steps - (store.steps() or [0])[-1])


def go_on(spec: Path, run: Path, whole: dict[str, bytes], count: Count, place: str) -> None:
    count.resumed += 1
    if waited(forked(lambda: begun(spec, run, Progress()))) != 0 or left_behind(run) != whole:
        count.unequal += 1
        count.places.append(place)


def at_random(spec: Path, run: Path, whole: dict[str, bytes], seconds: float, kills: int, seed: int) -> Count:
    count, chance, progress = Count(), random.Random(seed), Progress()
    while count.kills < kills:
        shutil.rmtree(run, ignore_errors=True)
        progress.clear()
        child = forked(lambda: begun(spec, run, progress))
        moment = chance.uniform(0, seconds)
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
        if waited(child) == 0:
            count.finished_before += 1
            continue
        count.kills += 1
        look(run, progress, count)
        go_on(spec, run, whole, count, f"{moment:.3f} s")
    return count


def dying(work: Callable[[], object], at: int, counted: mmap.mmap, folder: Path) -> None:
    """Do it, and die of SIGKILL before call number `at` that concerns the folder (0: never); the calls are counted."""
    handles: set[int] = set()

    def wrap(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(first: Any, *rest: Any, **named: Any) -> Any:
            concerns = first in handles if isinstance(first, int) else str(folder) in os.fsdecode(first)
            if concerns:
                number = int.from_bytes(counted[:8], "little") + 1
                counted[:8] = number.to_bytes(8, "little")
                if number == at:
                    os.kill(os.getpid(), signal.SIGKILL)
            found = real(first, *rest, **named)
            if name == "open" and concerns:
                handles.add(found)
            if name == "close":
                handles.discard(first)
            return found

        return call

    for name in CALLS:
        setattr(os, name, wrap(name, getattr(os, name)))
    work()


def at_every_call(spec: Path, run: Path, whole: dict[str, bytes]) -> Count:
    count, progress, counted = Count(), Progress(), mmap.mmap(-1, 8)
    shutil.rmtree(run, ignore_errors=True)
    assert waited(forked(lambda: dying(lambda: begun(spec, run, progress), 0, counted, run))) == 0
    for at in range(1, int.from_bytes(counted[:8], "little") + 1):
        shutil.rmtree(run, ignore_errors=True)
        progress.clear()
        counted[:8] = bytes(8)
        child = forked(lambda at=at: dying(lambda: begun(spec, run, progress), at, counted, run))
        assert waited(child) == -signal.SIGKILL
        count.kills += 1
        look(run, progress, count)
        go_on(spec, run, whole, count, f"call {at}")
    return count


def prepared(folder: Path, text: str, steps: int) -> tuple[Path, dict[str, bytes], float]:
    """A spec with data, what a run that is never killed leaves behind, and how long it takes."""
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, array in (("vectors", rng.integers(0, 256, (64, 8))), ("labels", rng.integers(0, 3, 64))):
        header = bytes([0, 0, 8, array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
        (folder / name).write_bytes(header + array.astype(np.uint8).tobytes())
    spec = folder / "net.yaml"
    spec.write_text(text.replace("STEPS", str(steps)))
    load(spec)  # imports the ops
    started = time.monotonic()
    assert waited(forked(lambda: begun(spec, folder / "whole", Progress()))) == 0
    return spec, left_behind(folder / "whole"), time.monotonic() - started


def main(kills: int = 100) -> None:
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with tempfile.TemporaryDirectory(prefix="netspec-kills-", dir=memory) as name:
        for what, text in (("one stage", ONE), ("two stages", STAGED)):
            folder = Path(name) / what.split()[0]
            spec, whole, seconds = prepared(folder, text, 20)
            found = at_random(spec, folder / "run", whole, seconds, kills // 2, seed=0)
            report("kills", what=what, moments="random", seconds_of_a_run=seconds, **vars(found))
        spec, whole, _ = prepared(Path(name) / "short", ONE.replace("every: 3", "every: 2"), 2)
        found = at_every_call(spec, Path(name) / "short" / "run", whole)
        report("kills", what="one stage", moments="every call", **vars(found))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
