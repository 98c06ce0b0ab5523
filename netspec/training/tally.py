"""What is measured over many batches: sums, and the numbers they make."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from netspec.training.metrics import LOSS
from netspec.training.parts import State
from netspec.training.terms import Measure

#: For each metric its sum over a batch, and the number of values summed.
Totals = list[tuple[Tensor, int]]


@dataclass(slots=True, eq=False, repr=False)
class Measured:
    """Numbers by metric (the loss among them), and the confusion matrix if there is one."""

    numbers: dict[str, float] = field(default_factory=dict)
    confusion: list[list[int]] | None = None


class Tally:
    """Sums over batches, of metrics on the device until the result is asked for."""

    def __init__(self, measures: tuple[Measure, ...], device: torch.device | None = None) -> None:
        self._metrics = [measure.metric for measure in measures]
        self._device = device or torch.device("cpu")
        self.clear()

    def clear(self) -> None:
        """Begin again."""
        self._losses: dict[str, float | Tensor] = {}
        self._samples: dict[str, int] = {}
        self._totals: list[Tensor | int] = [0] * len(self._metrics)
        self._counts = [0] * len(self._metrics)

    def add_loss(self, update: str, mean: float | Tensor, samples: int) -> None:
        """The loss of an update: a mean over so many values of a batch."""
        self._losses[update] = self._losses.get(update, 0.0) + mean * samples
        self._samples[update] = self._samples.get(update, 0) + samples

    def add(self, totals: Totals) -> None:
        """The metrics' sums over a batch."""
        for index, (total, count) in enumerate(totals):
            self._totals[index] = self._totals[index] + total
            self._counts[index] += count

    def result(self) -> Measured:
        """Means over all that was added. The loss is the sum of those of all updates."""
        means = {name: float(loss) / self._samples[name] for name, loss in self._losses.items()}
        measured = Measured({LOSS: sum(means.values())} if means else {})
        measured.numbers |= {f"{name}_{LOSS}": mean for name, mean in means.items() if name}
        for metric, total, count in zip(self._metrics, self._totals, self._counts, strict=True):
            if metric.is_number:
                measured.numbers[metric.label] = metric.number(torch.as_tensor(total), count)
            elif isinstance(total, Tensor):
                measured.confusion = total.tolist()
        return measured

    def state(self) -> State:
        return {
            "losses": {name: float(each) for name, each in self._losses.items()},
            "samples": dict(self._samples),
            "totals": list(self._totals),
            "counts": list(self._counts),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self._losses = dict(state["losses"])
        self._totals = [each.to(self._device) if isinstance(each, Tensor) else each for each in state["totals"]]
        self._samples, self._counts = dict(state["samples"]), list(state["counts"])
