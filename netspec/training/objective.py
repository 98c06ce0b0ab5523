"""What is minimised and what is measured, on tensors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from netspec.ir import Value
from netspec.training.batches import Batch, Batches
from netspec.training.metrics import LOSS
from netspec.training.plan import TrainPlan
from netspec.training.terms import Measure, Term

#: Samples of one batch of an evaluation, at least; no gradients are kept, so more fit than in training.
EVALUATION_BATCH = 500

Ends = tuple[Tensor, Tensor]


@dataclass(slots=True, eq=False, repr=False)
class Measured:
    """Numbers by metric (the loss among them), and the confusion matrix if there is one."""

    numbers: dict[str, float] = field(default_factory=dict)
    confusion: list[list[int]] | None = None


class Objective:
    """The losses and metrics of a plan. A module's outputs come in the order of the plan's graph."""

    def __init__(self, plan: TrainPlan, device: torch.device) -> None:
        self._place = {value: index for index, value in enumerate(plan.graph.outputs)}
        self._terms = [(term, _function(term, device)) for term in plan.terms]
        self._measures = plan.measures
        self._batch_size = max(plan.settings.batch_size, EVALUATION_BATCH)

    def loss(self, outputs: tuple[Tensor, ...], batch: Batch) -> Tensor:
        """The weighted sum of all terms, a mean over the batch."""
        parts = [term.weight * function(*self._ends(term, outputs, batch)) for term, function in self._terms]
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum()

    def totals(self, outputs: tuple[Tensor, ...], batch: Batch) -> list[tuple[Tensor, int]]:
        """For each metric its sum over the batch, left on the device, and the number of values summed."""
        found = []
        for measure in self._measures:
            output, target = self._ends(measure, outputs, batch)
            found.append((measure.metric.total(output, target), target.numel()))
        return found

    @torch.no_grad()
    def measure(self, module: nn.Module, batches: Batches) -> Measured:
        """Loss and metrics of all samples, in evaluation mode; the module's own mode is put back."""
        was_training = module.training
        module.eval()
        tally = Tally(self._measures)
        for batch in batches.in_order(self._batch_size):
            outputs = call(module, batch)
            tally.add(self.loss(outputs, batch), batch.size, self.totals(outputs, batch))
        module.train(was_training)
        return tally.result()

    def _ends(self, end: Term | Measure, outputs: tuple[Tensor, ...], batch: Batch) -> Ends:
        return end.alignment(outputs[self._index(end.output)], batch.named[end.target.name])

    def _index(self, value: Value) -> int:
        return self._place[value]


class Tally:
    """Sums over batches. They stay on the device until the result is asked for."""

    def __init__(self, measures: tuple[Measure, ...]) -> None:
        self._metrics = [measure.metric for measure in measures]
        self._loss: Tensor | float = 0.0
        self._samples = 0
        self._totals: list[Tensor | int] = [0] * len(measures)
        self._counts = [0] * len(measures)

    def add(self, loss: Tensor, samples: int, totals: list[tuple[Tensor, int]]) -> None:
        """One batch: the mean loss of its samples, and its metrics' sums."""
        self._loss = self._loss + loss.detach() * samples
        self._samples += samples
        for index, (total, count) in enumerate(totals):
            self._totals[index] = self._totals[index] + total
            self._counts[index] += count

    def result(self) -> Measured:
        """Means over all that was added."""
        measured = Measured({LOSS: float(self._loss) / max(1, self._samples)})
        for metric, total, count in zip(self._metrics, self._totals, self._counts, strict=True):
            if metric.is_number:
                measured.numbers[metric.label] = float(total) / max(1, count)
            elif isinstance(total, Tensor):
                measured.confusion = total.tolist()
        return measured


def call(module: nn.Module, batch: Batch) -> tuple[Tensor, ...]:
    """The module's outputs, as a tuple also where there is one."""
    outputs = module(*batch.inputs)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _function(term: Term, device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """PyTorch's function with its arguments. A sum is taken over what lies in one sample; the mean is over samples."""
    chosen = getattr(functional, term.loss.name)  # a name of the closed table
    arguments: dict[str, Any] = {
        name: torch.tensor(value, device=device) if isinstance(value, tuple) else value
        for name, value in term.loss.arguments().items()
    }

    def apply(output: Tensor, target: Tensor) -> Tensor:
        found: Tensor = chosen(output, target, **arguments)
        return found / len(output) if term.loss.reduction == "sum" else found

    return apply
