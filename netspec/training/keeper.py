"""Which weights are kept, and when a stage ends early."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from netspec.training import weights
from netspec.training.parts import State
from netspec.training.plan import TrainPlan
from netspec.training.record import BEST, LAST


class Keeper:
    """Writes the last weights, and the best by a metric. Without held-out samples the last are the best."""

    def __init__(self, plan: TrainPlan, directory: Path) -> None:
        self._metric = plan.keep.best
        self._sign = 1 if plan.grows(self._metric) else -1
        self._keeps_last = plan.keep.last
        self._directory = directory
        self._best = -math.inf

    def offer(self, state: weights.State, numbers: Mapping[str, float], *, is_held_out: bool) -> None:
        """Write what is worth keeping.

        Raises:
            NetspecError: `unwritable`.
        """
        self.keep_last(state)
        score = numbers.get(self._metric, -self._sign * math.inf) * self._sign
        if score >= self._best or not is_held_out:
            self._best = score
            weights.save(state, self._directory / BEST)

    def keep_last(self, state: weights.State) -> None:
        """Write weights that were not measured. Raises NetspecError: `unwritable`."""
        if self._keeps_last:
            weights.save(state, self._directory / LAST)

    def state(self) -> State:
        return {"best": self._best if math.isfinite(self._best) else None}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._best = -math.inf if state["best"] is None else state["best"]


class Patience:
    """Counts evaluations in a row without a better value; without `early_stopping` it never ends."""

    def __init__(self, plan: TrainPlan) -> None:
        stopping = plan.early_stopping
        self._metric = stopping.metric if stopping is not None else ""
        self._patience = stopping.patience if stopping is not None else None
        self._sign = 1 if plan.grows(self._metric) else -1
        self._best = -math.inf
        self._waited = 0

    def saw(self, numbers: Mapping[str, float]) -> None:
        """Take the numbers of an evaluation on held-out samples."""
        if self._metric in numbers:
            score = numbers[self._metric] * self._sign
            self._waited = 0 if score > self._best else self._waited + 1
            self._best = max(score, self._best)

    @property
    def is_over(self) -> bool:
        """Whether there was nothing better for long enough."""
        return self._patience is not None and self._waited >= self._patience

    def state(self) -> State:
        return {"best": self._best if math.isfinite(self._best) else None, "waited": self._waited}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._best = -math.inf if state["best"] is None else state["best"]
        self._waited = state["waited"]
