"""A whole run: data, network, loop, files, pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from netspec import atomic
from netspec.backends.torch import build
from netspec.compiler.passes import rewrite as rewrite_graph
from netspec.compiler.spec import Spec
from netspec.data.samples import Samples
from netspec.diagnostics import Report, SpecError, TrainingError
from netspec.training import weights
from netspec.training.device import select, threads_for, using_threads
from netspec.training.interrupt import on_interrupt
from netspec.training.journal import Journal, run_directory
from netspec.training.keeper import BEST, LAST
from netspec.training.loop import Loop, Splits
from netspec.training.objective import Objective
from netspec.training.observer import Observer
from netspec.training.pictures import draw
from netspec.training.plan import RunPlan, TrainPlan
from netspec.training.planner import plan
from netspec.training.progress import reporter
from netspec.training.shown import shown
from netspec.training.splits import PartsCache
from netspec.training.start import load_starts
from netspec.weights.start import Start, starts

#: Makes the observers of a stage, given its plan, its module and its journal.
Observing = Callable[[TrainPlan, nn.Module, Journal], Sequence[Observer]]

# What torch's generators take.
MAX_SEED = 2**63 - 1


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
    rewrite: bool = True,
    progress: bool | None = None,
    threads: int | None = None,
    allowed: tuple[Path, ...] = (),
    observing: Observing | None = None,
) -> Run:
    """Train a spec by its `train` section. Equal seeds and threads give bitwise equal weights on a CPU.

    Args:
        spec: A checked spec.
        device: `auto`, `cpu` or `cuda`.
        seed: In place of the spec's. The held-out samples do not depend on it.
        directory: The run directory; `runs/NAME/STAMP` by default.
        rewrite: Apply the rewrites that keep the function and the state-dict keys.
        progress: Draw progress on stderr; by default not.
        threads: Threads for torch on a CPU; by default by the amount of work in a step.
        allowed: Folders besides the spec's own from which data may be read.
        observing: Makes what looks on, for each stage.

    Raises:
        SpecError: the section has a mistake.
        DataError: the data have.
        TrainingError: there is no section, or the loss stopped being finite (`not-finite`).
        TrainingInterrupted: Ctrl-C; the last weights and all metrics are saved.
        UnavailableError: CUDA was asked for, and there is none.
        NetspecError: `unwritable`.
    """
    target = select(device)
    found = planned(spec, allowed)
    seed = _seed(found, seed)
    journal = Journal(run_directory(spec.name, Path(directory) if directory is not None else None))
    count = threads or threads_for(found.final.graph, found.final.settings.batch_size)
    run = _Stages(found, target, journal, seed=seed, rewrite=rewrite, observing=observing)
    journal.begin(found.final.spec, _facts(run.samples(0), target, seed=seed, threads=count, rewrite=rewrite))
    with using_threads(count), torch.random.fork_rng(devices=[target] if target.type == "cuda" else []):
        torch.manual_seed(seed)
        run.go(bool(progress))
    rows = tuple(row for row in journal.rows if row.get("stage", "") == found.final.name)
    metrics = best_metrics(rows, found.final)
    return Run(journal.directory, metrics, tuple(journal.rows), journal.seconds, journal.cpu_seconds)


class _Stages:
    """The stages of a run, one after the other on one set of named parameters."""

    def __init__(
        self,
        plan: RunPlan,
        device: torch.device,
        journal: Journal,
        *,
        seed: int,
        rewrite: bool,
        observing: Observing | None,
    ) -> None:
        self._plan = plan
        self._device = device
        self._journal = journal
        self._seed = seed
        self._rewrite = rewrite
        self._observing = observing
        self._parts = PartsCache()
        # Everything that earlier stages have made, by state-dict key.
        self._pool: dict[str, Tensor] = {}

    def samples(self, index: int) -> tuple[Samples, Samples | None]:
        """Training and validation samples of a stage."""
        return self._parts.of(self._plan.stages[index])

    def go(self, progress: bool) -> None:
        """Train them all."""
        for index, stage in enumerate(self._plan.stages):
            self._one(index, stage, progress)

    def _one(self, index: int, stage: TrainPlan, progress: bool) -> None:
        module = self._module(index, stage)
        splits = Splits.of(*self.samples(index), stage, self._device)
        journal = self._journal if stage is self._plan.final else self._journal.below(stage.name)
        observers = self._observing(stage, module, journal) if self._observing is not None else ()
        seed = (self._seed + index) % (MAX_SEED + 1)
        place = stage.spec.source.name
        loop = Loop(stage, module, splits, self._device, journal, seed=seed, place=place, observers=observers)
        try:
            _go(loop, progress)
            self._pool |= loop.named_weights()
        finally:
            _draw(stage, module, splits, self._device, journal)

    def _module(self, index: int, stage: TrainPlan) -> nn.Module:
        """The network of a stage: drawn, then loaded from files, then with what earlier stages made of it."""
        module = build(rewrite_graph(stage.graph) if self._rewrite else stage.graph)
        if index == 0:
            load_starts(module, stage.spec.graph, starts(stage.spec))
        load_starts(module, stage.spec.graph, tuple(Start("", weights) for weights in stage.weights))
        carried = {key: self._pool[key] for key in stage.carry.carried}
        assert not module.load_state_dict(carried, strict=False).unexpected_keys
        return module.to(self._device)


def _seed(found: RunPlan, wanted: int | None) -> int:
    seed = found.final.settings.seed if wanted is None else wanted
    if not 0 <= seed <= MAX_SEED:
        raise TrainingError.at("seed", "wrong-value", f"a seed is a number from 0 to {MAX_SEED:,}, got {seed}")
    return seed


def _go(loop: Loop, progress: bool) -> None:
    shown, drawing = reporter(loop.steps, progress)
    with on_interrupt() as stop, drawing:
        loop.run(shown, stop)


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


def _facts(parts: tuple[Samples, Samples | None], device: torch.device, **settings: Any) -> dict[str, Any]:
    """What a run must be repeated with to be the same."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
    train, validation = parts
    samples = {"train": len(train), "validation": len(validation) if validation is not None else 0}
    return {"device": name, "samples": samples, **settings}


def _draw(found: TrainPlan, module: nn.Module, splits: Splits, device: torch.device, journal: Journal) -> None:
    """Pictures of the best weights, after any end of a run that got as far as to save some."""
    best = journal.directory / BEST
    if not best.exists():
        return
    weights.load_into(module, found.graph, best)
    held_out = splits.validation
    confusion = Objective(found, device).measure(module, held_out).confusion if held_out is not None else None
    rows = [row for row in journal.rows if row.get("stage", "") == found.name]
    draw(journal.directory, rows, module, confusion, found.classes)
    split, batches = ("validation", held_out) if held_out is not None else ("training", splits.train)
    for name, picture in shown(found, module, batches, split).items():
        atomic.write(journal.directory / name, picture)
