"""Saves the state of a run while it goes, and gives it back to one that goes on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from netspec.diagnostics import NetspecError, TrainingError
from netspec.training import weights
from netspec.training.checkpoints.contents import Contents
from netspec.training.checkpoints.opened import Checkpoint
from netspec.training.checkpoints.pace import Pace
from netspec.training.checkpoints.state import join, split
from netspec.training.checkpoints.store import Store
from netspec.training.facts import Facts
from netspec.training.finite import Moment
from netspec.training.journal import Journal
from netspec.training.loop import Loop
from netspec.training.observer import Observer
from netspec.training.record import BEST, METRICS

#: The part of the state that is in a file of its own, with the keys that it has everywhere.
WEIGHTS = "weights"
STATE = "state"
#: What earlier stages have made.
EARLIER = "earlier"


@dataclass(slots=True, eq=False, repr=False)
class Saver(Observer):
    """Saves a stage whenever it is time. `before` is how many steps the earlier stages were to have."""

    store: Store
    pace: Pace
    facts: Facts
    journal: Journal
    stage: int
    before: int
    earlier: Mapping[str, Tensor]
    loop: Loop = field(init=False)
    #: Told of every save.
    observers: Sequence[Observer] = ()

    def stepped(self, moment: Moment) -> None:
        if self.pace.is_due:
            self.save()

    def save(self) -> None:
        """Save what there is.

        Raises:
            NetspecError: `unwritable`.
            TrainingError: `not-finite`: the weights are not; nothing is saved.
        """
        with self.pace.saving():
            step = self.before + self.loop.order.step
            self.store.save(step, self._contents(step), self.facts)
        for observer in self.observers:
            observer.saved()

    def noted(self, error: NetspecError) -> NetspecError:
        """The error of a run, with where it could go on."""
        steps = self.store.steps()
        if not steps or not isinstance(error, TrainingError):
            return error
        note = f"the last checkpoint is of step {steps[-1]:,}"
        return type(error)(replace(each, notes=(*each.notes, note)) for each in error.diagnostics)

    def _contents(self, step: int) -> Contents:
        state = self.loop.state()
        own = {key: tensor.detach() for key, tensor in state.pop(WEIGHTS).items()}
        tree, others = split(state)
        self._check_finite({**own, **others}, step)
        # A resumed run may come to its parts in another order; its files are the same.
        tensors = {WEIGHTS: own, STATE: dict(sorted(others.items())), EARLIER: dict(sorted(self.earlier.items()))}
        values = {"stage": self.stage, "step": self.loop.order.step, "parts": tree}
        values |= {"seconds": self.journal.seconds, "cpu_seconds": self.journal.cpu_seconds}
        metrics = (self.journal.whole or self.journal.directory) / METRICS
        files = [path for path in (metrics, self.journal.directory / BEST) if path.exists()]
        stored = {name: weights.stored(each) for name, each in tensors.items() if each}
        return Contents(stored, values, tuple(files))

    def _check_finite(self, state: weights.State, step: int) -> None:
        broken = [name for name, tensor in state.items() if not weights.all_finite({name: tensor})]
        if broken:
            message = f"numbers that are not finite after step {step:,}: {', '.join(broken[:5])}"
            help = "lower the learning rate, or set `clip_grad_norm`; what was saved before is finite"
            raise TrainingError.at(self.journal.directory.name, "not-finite", message, help=help)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Saved:
    """The state in a checkpoint."""

    checkpoint: Checkpoint
    values: Mapping[str, Any]

    @classmethod
    def read(cls, checkpoint: Checkpoint) -> Saved:
        """What a checkpoint holds."""
        return cls(checkpoint, checkpoint.values())

    @property
    def stage(self) -> int:
        """The stage that was going on, from 0."""
        return int(self.values["stage"])

    @property
    def before(self) -> int:
        """How many steps the earlier stages were to have."""
        return self.checkpoint.step - int(self.values["step"])

    def earlier(self) -> dict[str, Tensor]:
        """What earlier stages have made."""
        return {key: weights.as_tensor(array) for key, array in self.checkpoint.tensors(EARLIER).items()}

    def restore(self, loop: Loop) -> None:
        """Put a loop of the same plan where the saved one was."""
        state = join(self.values["parts"], self.checkpoint.tensors(STATE))
        own = {key: weights.as_tensor(array) for key, array in self.checkpoint.tensors(WEIGHTS).items()}
        loop.restore({WEIGHTS: own, **state})
