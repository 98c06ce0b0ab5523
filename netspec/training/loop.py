"""The loop: plain PyTorch, one forward and one backward pass a step, nothing read back from the device but the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn, optim

from netspec.data.samples import Samples
from netspec.diagnostics import TrainingError
from netspec.training import weights
from netspec.training.batches import Batch, Batches
from netspec.training.finite import LossWatch, Moment, NotFiniteError, explain
from netspec.training.interrupt import Stop, TrainingInterrupted
from netspec.training.journal import Journal
from netspec.training.metrics import LOSS
from netspec.training.objective import Measured, Objective, Tally, call
from netspec.training.plan import TrainPlan
from netspec.training.progress import Reporter
from netspec.training.rates import Rates

BEST = "best.safetensors"
LAST = "last.safetensors"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Splits:
    """The training samples, and those that are held out."""

    train: Batches
    validation: Batches | None

    @classmethod
    def of(cls, train: Samples, validation: Samples | None, plan: TrainPlan, device: torch.device) -> Splits:
        """The samples on a device."""
        held_out = Batches.of(validation, plan, device) if validation is not None else None
        return cls(Batches.of(train, plan, device), held_out)


class Loop:
    """One run of a plan on a module."""

    def __init__(
        self,
        plan: TrainPlan,
        module: nn.Module,
        splits: Splits,
        device: torch.device,
        journal: Journal,
        *,
        seed: int,
        place: str,
    ) -> None:
        self._plan = plan
        self._module = module
        self._splits = splits
        self._journal = journal
        self._place = place
        self._objective = Objective(plan, device)
        self._watch = LossWatch(device)
        self._generator = torch.Generator().manual_seed(seed) if plan.settings.shuffle else None
        self.batches = -(-len(splits.train) // plan.settings.batch_size)
        self.steps = plan.settings.steps or max(1, round((plan.settings.epochs or 0) * self.batches))
        self._optimizer = _optimizer(plan, module)
        self._rates = Rates(plan.schedule, self._optimizer, self.steps, self.batches)
        self._best = -math.inf
        self._tally = Tally(plan.measures)

    def run(self, reporter: Reporter, stop: Stop) -> None:
        """Train to the end.

        Raises:
            TrainingError: `not-finite`; the files hold the weights of the last evaluation before.
            TrainingInterrupted: the user asked to stop; the last weights are saved.
            NetspecError: `unwritable`.
        """
        every = self.batches if self._plan.evaluate.every == "epoch" else self._plan.evaluate.every
        self._module.train()
        for moment, indices in self._moments():
            batch = self._splits.train.gather(indices)
            try:
                self._step(moment, batch)
                reporter.step(moment.step)
                if moment.step % every == 0 or moment.step == self.steps or stop.requested:
                    reporter.evaluated(_line(self._evaluate(moment)))
            except NotFiniteError as error:
                # Noticed a step late the weights have changed, and another forward pass would blame the wrong layer.
                seen = batch if error.moment == moment and self._watch.lag == 0 else None
                raise explain(error, self._module, seen, self._plan.graph, self._place) from None
            if stop.requested:
                raise TrainingInterrupted(self._journal.directory, moment.step)

    def _moments(self) -> Iterator[tuple[Moment, Tensor]]:
        """Every step with the places of its samples."""
        step, epoch = 0, 0
        while True:
            epoch += 1
            order = self._splits.train.shuffled(self._plan.settings.batch_size, self._generator)
            for number, indices in enumerate(order, 1):
                step += 1
                yield Moment(step, epoch, number, self.batches), indices
                if step == self.steps:
                    return

    def _step(self, moment: Moment, batch: Batch) -> None:
        outputs = self._forward(batch)
        loss = self._objective.loss(outputs, batch)
        self._watch.see(moment, loss)
        self._optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no annotation here
        if self._plan.settings.clip_grad_norm is not None:
            nn.utils.clip_grad_norm_(self._module.parameters(), self._plan.settings.clip_grad_norm)
        self._optimizer.step()
        self._rates.after(moment.step)
        with torch.no_grad():
            self._tally.add(loss, batch.size, self._objective.totals(outputs, batch))

    def _forward(self, batch: Batch) -> tuple[Tensor, ...]:
        try:
            return call(self._module, batch)
        except ValueError as error:
            # Batch norm has no variance over one value a channel.
            if batch.size > 1:
                raise
            message = f"the last batch of an epoch has one sample, which the network cannot train on: {error}"
            help = f"choose a `batch_size` that does not divide {len(self._splits.train):,} with a rest of 1"
            raise TrainingError.at(self._place, "bad-training", message, help=help) from None

    def _evaluate(self, moment: Moment) -> dict[str, Any]:
        """Measure, write down, and save what is worth keeping."""
        self._watch.flush()
        rate = self._rates.current
        training, self._tally = self._tally.result(), Tally(self._plan.measures)
        held_out = self._splits.validation
        found = self._objective.measure(self._module, held_out) if held_out is not None else None
        state = self._module.state_dict()
        self._check_finite(state, found or training, moment)
        row: dict[str, Any] = {"step": moment.step, "epoch": round(moment.step / self.batches, 4), "lr": rate}
        row |= _prefixed("train", training) | (_prefixed("validation", found) if found is not None else {})
        self._keep(state, found or training, is_held_out=found is not None)
        return self._journal.note(row)

    def _check_finite(self, state: weights.State, measured: Measured, moment: Moment) -> None:
        """A step may leave weights behind that only the next loss would show."""
        problems = {
            "weights": weights.all_finite(state),
            "an evaluation": math.isfinite(measured.numbers[LOSS]),
        }
        found = [what for what, is_finite in problems.items() if not is_finite]
        if found:
            message = f"numbers that are not finite in {' and '.join(found)} after {moment}"
            help = "lower the learning rate, or set `clip_grad_norm`; the weights saved before are finite"
            raise TrainingError.at(self._place, "not-finite", message, help=help)

    def _keep(self, state: weights.State, measured: Measured, *, is_held_out: bool) -> None:
        """The last weights, and the best. Without held-out samples nothing is known to be better than the last."""
        if self._plan.keep.last:
            weights.save(state, self._journal.directory / LAST)
        score = measured.numbers[self._plan.keep.best] * (1 if self._plan.higher_is_better else -1)
        if score >= self._best or not is_held_out:
            self._best = score
            weights.save(state, self._journal.directory / BEST)


def _optimizer(plan: TrainPlan, module: nn.Module) -> optim.Optimizer:
    chosen = getattr(optim, plan.optimizer.torch_name)  # a name of the closed table
    # One kernel for all parameters: the same update, a tenth of the calls.
    switches = {"fused": True} if plan.optimizer.fusable else {}
    built: optim.Optimizer = chosen(module.parameters(), **plan.optimizer.arguments(), **switches)
    return built


def _prefixed(split: str, measured: Measured) -> dict[str, float]:
    return {f"{split}_{name}": value for name, value in measured.numbers.items()}


def _line(row: dict[str, Any]) -> str:
    """`epoch 1: train loss 0.5 accuracy 0.9, validation loss 0.4 accuracy 0.9`."""
    parts = []
    for split in ("train", "validation"):
        prefix = f"{split}_"
        numbers = [f"{key.removeprefix(prefix)} {value:.4f}" for key, value in row.items() if key.startswith(prefix)]
        parts += [f"{split} {' '.join(numbers)}"] if numbers else []
    return f"epoch {row['epoch']:g}: {', '.join(parts)}"
