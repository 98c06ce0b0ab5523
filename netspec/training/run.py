"""A whole run: data, network, loop, files, pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from netspec.compiler.spec import Spec
from netspec.diagnostics import Report, SpecError, TrainingError
from netspec.training.allocator import keeping_memory
from netspec.training.checkpoints.lock import exclusive
from netspec.training.checkpoints.pace import EVERY_SECONDS, Pace
from netspec.training.device import seeded, select, threads_for, using_threads
from netspec.training.facts import data_facts, facts_of
from netspec.training.journal import Journal, new_run
from netspec.training.memory import memory_for, too_little
from netspec.training.plan import RunPlan, TrainPlan
from netspec.training.planner import plan
from netspec.training.precision import check_precision
from netspec.training.record import BEST, LAST
from netspec.training.resume import Place, Warn, agreed, opened, put_back
from netspec.training.saver import Saved
from netspec.training.staged import MAX_SEED, Observing, Stages


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Run:
    """A finished run.

    `metrics` are the numbers of the best weights; `history` has a row for each evaluation, as `metrics.jsonl` has.
    """

    directory: Path
    metrics: dict[str, float]
    history: tuple[dict[str, Any], ...]
    seconds: float
    cpu_seconds: float

    @property
    def weights(self) -> Path:
        """The best weights."""
        return self.directory / BEST

    @property
    def last(self) -> Path:
        """The last weights."""
        return self.directory / LAST


def train(
    spec: Spec,
    *,
    device: str = "auto",
    seed: int | None = None,
    directory: str | Path | None = None,
    rewrite: bool | None = None,
    progress: bool | None = None,
    threads: int | None = None,
    workers: int | None = None,
    allowed: tuple[Path, ...] = (),
    observing: Observing | None = None,
    resume: str | Path | None = None,
    checkpoint_seconds: float = EVERY_SECONDS,
    warn: Warn | None = None,
) -> Run:
    """Train a spec by its `train` section. Equal seeds and threads give bitwise equal weights on a CPU.

    Args:
        spec: A checked spec; with `resume` that of the run, or one that does the same (`netspec.training.resume`).
        device: `auto`, `cpu` or `cuda`; `auto` is the CPU for a run that was begun there.
        seed: In place of the spec's, or of the resumed run's. The held-out samples do not depend on it.
        directory: The run directory; `runs/NAME/STAMP` by default.
        rewrite: Apply the rewrites that keep the function and the state-dict keys; by default they are.
        progress: Draw progress on stderr; by default not.
        threads: Threads for torch on a CPU; by default by the amount of work in a step.
        workers: Processes that decode images which do not fit into memory; by default by the cores.
        allowed: Folders besides the spec's own from which data may be read.
        observing: Makes what looks on, for each stage.
        resume: A run directory, or one of its checkpoints, from which to go on; on a CPU to the same bits as if the
            run had never stopped.
        checkpoint_seconds: How often the state is saved; 0: after every step.
        warn: Takes warnings: what has changed since the checkpoint and does not matter, and too little memory.

    Raises:
        SpecError: the section has a mistake.
        DataError: the data have.
        ModelError: `checkpoint`: it is damaged, or what has changed since does not let the run go on.
        TrainingError: there is no section, the loss stopped being finite (`not-finite`), or memory ran out
            (`out-of-memory`).
        TrainingInterrupted: a signal asked to stop; all is saved.
        UnavailableError: CUDA was asked for, and there is none, or the device does not compute in the `precision`.
        NetspecError: `unwritable`; the directory holds a run already, or another process trains there.
    """
    place = Place.of(resume) if resume is not None else None
    before = place.environment() if place is not None else {}
    # A run on a CPU goes on there, where a GPU would give other bits.
    chosen = select("cpu" if device == "auto" and before.get("device") == "cpu" else device)
    found = planned(spec, allowed)
    for stage in found.stages:
        check_precision(stage.settings.precision, chosen)
    run = {
        "device": chosen.type,
        "rewrite": before.get("rewrite", True) if rewrite is None else rewrite,
        "seed": _seed(found, before.get("seed") if seed is None else seed),
        "threads": threads or before.get("threads") or _threads(found),
    }
    wanted = Path(directory) if directory is not None else None
    with new_run(spec.name, wanted) if place is None else exclusive(place.directory) as target:
        facts = facts_of(found, spec, **run)
        stages = Stages(found, chosen, Journal(target), facts, Pace(checkpoint_seconds), observing, workers)
        warn = warn or (lambda _: None)
        if chosen.type == "cpu":
            warn([warning for stage in found.stages for warning in too_little(stage)])
        saved = _taken_up(stages, place, warn) if place is not None else None
        _go(stages, spec, saved, bool(progress))
        journal = stages.journal
        rows = tuple(row for row in journal.rows if row.get("stage", "") == found.final.name)
        metrics = best_metrics(rows, found.final)
        journal.end(metrics)
    return Run(journal.directory, metrics, tuple(journal.rows), journal.seconds, journal.cpu_seconds)


def _taken_up(stages: Stages, place: Place, warn: Warn) -> Saved | None:
    """What a run was when it was saved last; its files are put back, too."""
    checkpoint = opened(place, warn)
    if checkpoint is None:
        return None
    saved = Saved.read(checkpoint)
    agreed(checkpoint, {**stages.facts, "data": data_facts(stages.samples(saved.stage))}, warn)
    put_back(saved, stages.journal, stages.journal_of(saved.stage))
    return saved


def _begin(stages: Stages, spec: Spec) -> None:
    train, validation = stages.samples(0)
    device = stages.device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    samples = {"train": len(train), "validation": len(validation) if validation is not None else 0}
    # What a run must be repeated with to be the same.
    facts = {**stages.facts["run"], "device": name, "samples": samples, "settings": list(spec.settings)}
    stages.journal.begin(stages.plan.final.spec, facts)


def _go(stages: Stages, spec: Spec, saved: Saved | None, progress: bool) -> None:
    run = stages.facts["run"]
    with (
        memory_for(stages.plan.final),
        keeping_memory(),
        using_threads(run["threads"]),
        seeded(stages.device, run["seed"]),
    ):
        stages.go(saved, progress, lambda: _begin(stages, spec))


def _threads(found: RunPlan) -> int:
    return threads_for(found.final.graph, found.final.settings.batch_size)


def _seed(found: RunPlan, wanted: int | None) -> int:
    seed = found.final.settings.seed if wanted is None else wanted
    if not 0 <= seed <= MAX_SEED:
        raise TrainingError.at("seed", "wrong-value", f"a seed is a number from 0 to {MAX_SEED:,}, got {seed}")
    return seed


def planned(spec: Spec, allowed: tuple[Path, ...] = ()) -> RunPlan:
    """The plan of a spec.

    Raises:
        SpecError: the section has a mistake.
        TrainingError: `bad-training`: there is none.
    """
    report = Report()
    found = plan(spec, report, allowed=allowed)
    if report.has_errors:
        raise SpecError(report.diagnostics)
    if found is None:
        raise TrainingError.at(spec.source.name, "bad-training", "the spec has no `train` section")
    return found


def best_metrics(rows: tuple[dict[str, Any], ...], found: TrainPlan) -> dict[str, float]:
    """The numbers of the row whose weights are the best, as `best.safetensors` holds them."""
    key = f"validation_{found.keep.best}"
    row = rows[-1]
    if key in row:
        # Of equals the later one, as the loop keeps it.
        row = (max if found.grows(found.keep.best) else min)(reversed(rows), key=lambda each: each[key])
    return {name: value for name, value in row.items() if name.startswith(("train_", "validation_"))}
