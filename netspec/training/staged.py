"""The stages of a run, one after the other on one set of named parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from netspec import atomic
from netspec.backends.torch import build
from netspec.compiler.passes import rewrite as rewrite_graph
from netspec.data.samples import Samples
from netspec.diagnostics import NetspecError
from netspec.training import weights
from netspec.training.batches import Batches
from netspec.training.checkpoints.pace import Pace
from netspec.training.checkpoints.store import Store
from netspec.training.columns import Reading
from netspec.training.facts import data_facts
from netspec.training.interrupt import INTERRUPTED, TrainingInterrupted, on_interrupt
from netspec.training.journal import Journal
from netspec.training.loop import Loop, Splits
from netspec.training.memory import memory_for
from netspec.training.objective import Objective
from netspec.training.observer import Observer
from netspec.training.pictures import draw
from netspec.training.plan import RunPlan, TrainPlan
from netspec.training.progress import reporter
from netspec.training.record import BEST, is_run
from netspec.training.saver import Saved, Saver
from netspec.training.shown import shown
from netspec.training.splits import PartsCache
from netspec.training.start import kept_start, read_starts, start_file
from netspec.weights.start import Start, starts

#: Makes the observers of a stage, given its plan, its module and its journal.
Observing = Callable[[TrainPlan, nn.Module, Journal], Sequence[Observer]]

# What torch's generators take.
MAX_SEED = 2**63 - 1


@dataclass(slots=True, eq=False, repr=False)
class Stages:
    """A run on a device. `facts` are those of the run without its data."""

    plan: RunPlan
    device: torch.device
    journal: Journal
    facts: dict[str, Any]
    pace: Pace
    observing: Observing | None = None
    #: Processes that decode images which do not fit into memory; None: by the cores. They change nothing.
    workers: int | None = None
    _parts: PartsCache = field(init=False)
    # Everything that earlier stages have made, by state-dict key.
    _pool: dict[str, Tensor] = field(default_factory=dict)
    # Steps that the earlier stages were to have.
    _before: int = 0

    def __post_init__(self) -> None:
        self._parts = PartsCache(self.plan.stages)

    def samples(self, index: int) -> tuple[Samples, Samples | None]:
        """Training and validation samples of a stage."""
        return self._parts.of(self.plan.stages[index])

    def journal_of(self, index: int) -> Journal:
        """Where a stage leaves its files."""
        stage = self.plan.stages[index]
        return self.journal if stage is self.plan.final else self.journal.below(stage.name)

    def go(self, saved: Saved | None, progress: bool, begin: Callable[[], None]) -> None:
        """Train them all, or go on from where a run was saved.

        Args:
            saved: Where it was.
            progress: Draw progress on stderr.
            begin: Called when all is there that the run needs.

        Raises:
            ModelError: `weights`: what a stage is to start from cannot be loaded; the run has not begun.
            TrainingError: `not-finite`; the files hold what was saved before.
            TrainingInterrupted: a signal asked to stop; the state is saved.
            NetspecError: `unwritable`.
        """
        first = saved.stage if saved is not None else 0
        if saved is not None:
            self._pool, self._before = saved.earlier(), saved.before
        self._keep_starts()
        for index in range(first, len(self.plan.stages)):
            with closing(self._splits(index)) as splits:
                if index == first:
                    begin()
                self._one(index, splits, saved if index == first else None, progress)

    def _keep_starts(self) -> None:
        """Copy what stages start from into a new run, which then stays the same whatever becomes of the files."""
        run = self.journal.directory
        if is_run(run):
            return
        first = self.plan.stages[0]
        for stage, state in [(each, _given(each, is_first=each is first)) for each in self.plan.stages]:
            if state:
                weights.save(state, start_file(run, stage.name))
            else:
                atomic.remove(start_file(run, stage.name))

    def _splits(self, index: int) -> Splits:
        reading = Reading(self._seed(index), self.workers)
        return Splits.of(*self.samples(index), self.plan.stages[index], self.device, reading)

    def _seed(self, index: int) -> int:
        return int((self.facts["run"]["seed"] + index) % (MAX_SEED + 1))

    def _one(self, index: int, splits: Splits, saved: Saved | None, progress: bool) -> None:
        stage = self.plan.stages[index]
        module = self._module(index, is_saved=saved is not None)
        journal = self.journal_of(index)
        saver = self._saver(index, journal)
        saver.observers = observers = self.observing(stage, module, journal) if self.observing is not None else ()
        place = stage.spec.source.name
        observers = (*observers, saver)
        seed = self._seed(index)
        loop = Loop(stage, module, splits, self.device, journal, seed=seed, place=place, observers=observers)
        saver.loop = loop
        if saved is not None:
            saved.restore(loop)

        def leave() -> None:
            for observer in observers:
                observer.finished()
            _draw(stage, module, splits, self.device, journal)

        self._go(loop, module, saver, progress, leave)
        self._before += loop.steps

    def _go(self, loop: Loop, module: nn.Module, saver: Saver, progress: bool, draw: Callable[[], None]) -> None:
        """Run a stage, and leave behind what can be had, however it ends."""
        reported, drawing = reporter(loop.steps, progress)
        try:
            with on_interrupt() as stop, drawing:
                try:
                    with memory_for(loop.plan, module):
                        loop.run(reported, stop)
                    if loop.plan is self.plan.final:
                        saver.save()
                    if stop.by is not None:  # while the last step was evaluated or saved
                        raise TrainingInterrupted(self.journal.directory, loop.order.step, stop.by)
                except TrainingInterrupted:
                    saver.save()
                    loop.keep_last()
                    raise
            self._pool |= loop.named_weights()
        except KeyboardInterrupt as stopped:
            # Who sent another signal has no time to wait, and a second Ctrl-C still less.
            if getattr(stopped, "exit_code", None) == INTERRUPTED:
                draw()
            raise
        except NetspecError as error:
            with suppress(NetspecError):  # the first error is the one to tell
                draw()
            raise saver.noted(error) from None
        # Last, as it puts the best weights into the module.
        draw()

    def _saver(self, index: int, journal: Journal) -> Saver:
        facts = {**self.facts, "data": data_facts(self.samples(index))}
        store = Store(self.journal.directory)
        return Saver(store, self.pace, facts, journal, index, self._before, self._pool)

    def _module(self, index: int, *, is_saved: bool) -> nn.Module:
        """The network of a stage: drawn, then what it starts from, then what earlier stages made of it.

        Of one that was saved nothing of that is used.
        """
        stage = self.plan.stages[index]
        graph = rewrite_graph(stage.graph) if self.facts["run"]["rewrite"] else stage.graph
        module = build(graph)
        if is_saved:
            return module.to(self.device)
        carried = {key: self._pool[key] for key in stage.carry.carried}
        state = kept_start(self.journal.directory, stage.name) | carried
        assert not module.load_state_dict(state, strict=False).unexpected_keys
        return module.to(self.device)


def _given(stage: TrainPlan, *, is_first: bool) -> dict[str, Tensor]:
    """What the files that a stage names hold, by its state-dict keys; the first one's network names some, too."""
    own = tuple(Start("", each) for each in stage.weights)
    return read_starts(stage.spec.graph, (*(starts(stage.spec) if is_first else ()), *own))


def _draw(found: TrainPlan, module: nn.Module, splits: Splits, device: torch.device, journal: Journal) -> None:
    """Pictures of the best weights, after any end of a run that got as far as to save some."""
    best = journal.directory / BEST
    if not best.exists():
        return
    weights.load_into(module, found.graph, best)
    held_out = splits.validation
    confusion = None
    if held_out is not None and any(not each.metric.is_number for each in found.measures):
        confusion = Objective(found, device).measure(module, held_out).confusion
    rows = [row for row in journal.rows if row.get("stage", "") == found.name]
    draw(journal.directory, rows, module, confusion, found.classes)
    split, batches = ("validation", held_out) if held_out is not None else ("training", splits.train)
    pictures = shown(found.spec.graph, best, batches, split, device) if isinstance(batches, Batches) else {}
    for name, picture in pictures.items():
        atomic.write(journal.directory / name, picture)
