"""The learning rate over a run: torch's schedulers, made from the plan and stepped at the right moments."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer, lr_scheduler

from netspec.diagnostics import TrainingError
from netspec.training.parts import State
from netspec.training.phases import Phase


class Rates:
    """All schedules of a run, one after the other.

    Args:
        phases: The plan's; all count the same periods.
        optimizer: Its rate is the base of all.
        steps: Steps of the run.
        steps_per_epoch: Steps of one pass over the data.

    Raises:
        TrainingError: `bad-training`: a schedule is not defined over so few periods.
    """

    def __init__(self, phases: tuple[Phase, ...], optimizer: Optimizer, steps: int, steps_per_epoch: int) -> None:
        self._optimizer = optimizer
        self._plateau = _plateau(phases, optimizer)
        self._losses: list[float] = []
        if self._plateau is not None:
            phases = ()
        self._every = steps_per_epoch if phases and phases[0].per == "epoch" else 1
        self._left = -(-steps // self._every) - 1
        self._scheduler = _build(phases, optimizer, self._left + 1) if phases else None
        # OneCycleLR refuses to go on after its last step; the rate stays.
        self._left = min(self._left, getattr(self._scheduler, "total_steps", self._left + 1) - 1)
        self._step = 0

    @property
    def current(self) -> float:
        """The rate of the next step."""
        return float(self._optimizer.param_groups[0]["lr"])

    def after(self, step: int) -> None:
        """Move on after this many steps, unless the last period has begun."""
        self._step = step
        if self._scheduler is not None and step % self._every == 0 and self._left > 0:
            self._scheduler.step()
            self._left -= 1

    def saw(self, loss: float) -> None:
        """The loss of an evaluation, by which a schedule that watches it goes."""
        if self._plateau is not None:
            self._plateau.step(loss)
            self._losses.append(loss)

    def state(self) -> State:
        return {"step": self._step, "losses": list(self._losses)}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go through the steps again: rates are a function of their number and of the losses seen.

        So they are right also where a run was longer than it is now, and its last period is the last no more.
        """
        with warnings.catch_warnings():
            # Torch asks for a step of the optimiser first.
            warnings.simplefilter("ignore")
            for step in range(self._every, state["step"] + 1, self._every):
                self.after(step)
            for loss in state["losses"]:
                self.saw(loss)
        self._step = state["step"]


def _plateau(phases: tuple[Phase, ...], optimizer: Optimizer) -> lr_scheduler.ReduceLROnPlateau | None:
    """The schedule that goes by evaluations, which stands alone."""
    if not (phases and phases[0].schedule.watches):
        return None
    return lr_scheduler.ReduceLROnPlateau(optimizer, **phases[0].schedule.arguments())


def _build(phases: tuple[Phase, ...], optimizer: Optimizer, periods: int) -> lr_scheduler.LRScheduler:
    parts: list[lr_scheduler.LRScheduler] = []
    milestones: list[int] = []
    begin, rates = 0, [float(group["lr"]) for group in optimizer.param_groups]
    for phase in phases:
        if phase.warmup:
            start = 1 / (phase.warmup + 1)
            parts.append(lr_scheduler.LinearLR(optimizer, start, 1.0, phase.warmup))
            milestones.append(begin + phase.warmup)
        length = phase.length if phase.length is not None else max(1, periods - begin)
        parts.append(_scheduler(phase, optimizer, max(1, length - phase.warmup), rates))
        begin += length
        milestones.append(begin)
    if len(parts) == 1:
        return parts[0]
    with warnings.catch_warnings():
        # SequentialLR steps its parts in ways that torch itself warns of.
        warnings.simplefilter("ignore")
        return lr_scheduler.SequentialLR(optimizer, parts, milestones[:-1])


def _scheduler(phase: Phase, optimizer: Optimizer, length: int, rates: list[float]) -> lr_scheduler.LRScheduler:
    chosen = getattr(lr_scheduler, phase.schedule.torch_name)  # a name of the closed table
    try:
        built: lr_scheduler.LRScheduler = chosen(optimizer, **phase.schedule.filled(length, rates))
    except (ValueError, ZeroDivisionError) as error:
        message = f"the schedule cannot run over {length:,} periods: {error}"
        raise TrainingError.at(phase.schedule.name, "bad-training", message) from None
    return built
