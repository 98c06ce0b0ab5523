"""The loop: plain PyTorch, one forward and one backward pass a step, nothing read back from the device but the loss."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from netspec.compiler.select import parameters
from netspec.data.samples import Samples
from netspec.diagnostics import TrainingError
from netspec.training import weights
from netspec.training.average import Average
from netspec.training.batches import Batch, Batches
from netspec.training.columns import Reading
from netspec.training.finite import LossWatch, Moment, NotFiniteError, explain
from netspec.training.interrupt import Stop, TrainingInterrupted
from netspec.training.journal import Journal
from netspec.training.keeper import Keeper, Patience
from netspec.training.metrics import LOSS
from netspec.training.objective import Metrics, Objective, call
from netspec.training.observer import Observer
from netspec.training.order import Order
from netspec.training.parts import Part, Random, State, Weights
from netspec.training.plan import TrainPlan
from netspec.training.precision import Precision
from netspec.training.progress import Reporter, line
from netspec.training.streams import Streams
from netspec.training.tally import Measured, Tally
from netspec.training.turn import Turn


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Splits:
    """The training samples, and those that are held out."""

    train: Batches | Streams
    validation: Batches | Streams | None

    @classmethod
    def of(
        cls,
        train: Samples,
        validation: Samples | None,
        plan: TrainPlan,
        device: torch.device,
        reading: Reading | None = None,
    ) -> Splits:
        """The samples on a device."""
        held_out = batches_of(validation, plan, device, reading=reading) if validation is not None else None
        return cls(batches_of(train, plan, device, training=True, reading=reading), held_out)

    def close(self) -> None:
        """End the processes that read the samples, if there are any."""
        self.train.close()
        if self.validation is not None:
            self.validation.close()


def batches_of(
    samples: Samples,
    plan: TrainPlan,
    device: torch.device,
    *,
    training: bool = False,
    reading: Reading | None = None,
) -> Batches | Streams:
    """The samples of a split as the plan takes them: by the batch, or as running streams."""
    if plan.bptt is not None:
        return Streams(samples, plan, device)
    return Batches.of(samples, plan, device, training=training, reading=reading)


class Loop:
    """One stage of a run on a module.

    `parts` is all that changes as it goes: a loop made of the same plan that is given the state of another one goes on
    as that one would have, to the last bit.
    """

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
        observers: Sequence[Observer] = (),
    ) -> None:
        settings = plan.settings
        self.plan = plan
        self._module = module
        self._splits = splits
        self._journal = journal
        self._place = place
        self._observers = observers
        self._still = [module.get_submodule(path) for path in plan.trained.still]
        for key in plan.trained.frozen:
            module.get_parameter(key).requires_grad_(False)
        size = settings.batch_size * settings.accumulate
        self.batches = -(-len(splits.train) // size)
        self.steps = settings.steps or max(1, round((settings.epochs or 0) * self.batches))
        self.order = Order(splits.train, size, self.steps, seed if settings.shuffle else None)
        self._objective = Objective(plan, device)
        # Pictures are of held-out samples only.
        self._metrics = Metrics(plan.graph, [each for each in plan.measures if each.metric.is_number])
        self._turns = [Turn(each, plan, module, self.steps, self.batches, device) for each in plan.updates]
        self._precision = Precision(settings.precision, device)
        self._average = Average(module, plan.ema.decay) if plan.ema is not None else None
        self._keeper = Keeper(plan, journal.directory)
        self._patience = Patience(plan)
        self._tally = Tally(self._metrics.measures, device)
        self._watch = LossWatch(device, self._tally.add_loss)
        self._weights = Weights(module, frozenset(each.key for each in parameters(plan.graph)))
        self._random = Random(device)
        self._seen: Batch | None = None
        self.parts: dict[str, Part] = {
            "weights": self._weights,
            "random": self._random,
            "order": self.order,
            "tally": self._tally,
            "keeper": self._keeper,
            "patience": self._patience,
            "precision": self._precision,
            **({"average": self._average} if self._average is not None else {}),
            **({"streams": splits.train} if isinstance(splits.train, Streams) else {}),
            **{f"update.{turn.name}" if turn.name else "update": turn for turn in self._turns},
        }

    def state(self) -> State:
        """All that has changed since the loop was made, by part."""
        self._watch.flush()
        return {name: part.state() for name, part in self.parts.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from where another loop of the same plan was when it gave its state."""
        for name, part in self.parts.items():
            part.restore(state[name])

    def run(self, reporter: Reporter, stop: Stop) -> None:
        """Train to the end.

        Raises:
            TrainingError: `not-finite`; the files hold what was saved before.
            TrainingInterrupted: a signal asked to stop; the caller saves what there is.
            NetspecError: `unwritable`.
        """
        if self._patience.is_over:
            return
        every = self.batches if self.plan.evaluate.every == "epoch" else self.plan.evaluate.every
        self._train_mode()
        for moment, places in self.order:
            try:
                self._step(moment, places)
                reporter.step(moment.step)
                if moment.step % every == 0 or moment.step == self.steps:
                    reporter.evaluated(line(self._evaluate(moment)))
            except NotFiniteError as error:
                # Noticed a step late the weights have changed, and another forward pass would blame the wrong layer.
                seen = self._seen if error.moment == moment and self._watch.lag == 0 else None
                raise explain(error, self._module, seen, self.plan.graph, self._place) from None
            for observer in self._observers:
                observer.stepped(moment)
            if stop.by is not None:
                raise TrainingInterrupted(self._journal.whole or self._journal.directory, moment.step, stop.by)
            if self._patience.is_over:
                return

    def keep_last(self) -> None:
        """Write the weights as they are now. Raises NetspecError: `unwritable`."""
        with self._averaged():
            self._keeper.keep_last(self._weights.state())

    def named_weights(self) -> dict[str, Tensor]:
        """What the stage has made: its parameters and buffers, averaged where it has an average."""
        with self._averaged():
            return {key: tensor.clone() for key, tensor in self._weights.state().items()}

    def _step(self, moment: Moment, places: Tensor) -> None:
        size = self.plan.settings.batch_size
        parts = torch.split(places, size) if len(places) > size else (places,)
        batches = [self._splits.train.gather(each, moment.epoch) for each in parts]
        random = self._random.state() if len(self._turns) > 1 else None
        for index, turn in enumerate(self._turns):
            if moment.step % turn.every == 0:
                if random is not None and index:
                    self._random.restore(random)
                self._update(turn, moment, batches)
        for turn in self._turns:
            turn.after(moment.step)
        if self._average is not None:
            self._average.update()

    def _update(self, turn: Turn, moment: Moment, batches: Sequence[Batch]) -> None:
        """Forward and backward passes of one update, whose gradients are means over all batches, and its move."""
        alone = len(self._turns) == 1
        if alone:
            turn.zero_grad()
        else:
            turn.begin([each for other in self._turns if other is not turn for each in other.parameters])
        weights = [turn.losses.weight(batch) for batch in batches]
        for batch, weight in zip(batches, weights, strict=True):
            self._seen = batch
            outputs = self._forward(batch)
            self._metrics.hand_on(outputs, self._splits.train)
            loss = turn.losses(outputs, batch)
            self._watch.see(moment, loss, turn.name, weight)
            self._precision.backward(loss if len(batches) == 1 else loss * (weight / sum(weights)))
            if turn is self._turns[0]:
                self._tally.add(self._metrics.totals(tuple(each.detach() for each in outputs), batch))
        for observer in self._observers:
            observer.differentiated(moment)
        turn.move(self._precision)
        if not alone:
            turn.end()

    def _forward(self, batch: Batch) -> tuple[Tensor, ...]:
        try:
            with self._precision.forward():
                return self._precision.full(call(self._module, batch))
        except ValueError as error:
            # Batch norm has no variance over one value a channel.
            if batch.size > 1:
                raise
            message = f"the last batch of an epoch has one sample, which the network cannot train on: {error}"
            help = f"choose a `batch_size` that does not divide {len(self._splits.train):,} with a rest of 1"
            raise TrainingError.at(self._place, "bad-training", message, help=help) from None

    def _train_mode(self) -> None:
        """Training, but for layers whose statistics stand still."""
        self._module.train()
        for layer in self._still:
            layer.eval()

    def _averaged(self) -> AbstractContextManager[None]:
        return self._average.in_place() if self._average is not None else nullcontext()

    def _evaluate(self, moment: Moment) -> dict[str, Any]:
        """Measure, write down, and save what is worth keeping."""
        self._watch.flush()
        rate = self._turns[0].rate
        training = self._tally.result()
        self._tally.clear()
        held_out = self._splits.validation
        with self._averaged():
            found = self._objective.measure(self._module, held_out) if held_out is not None else None
            self._train_mode()
            state = self._weights.state()
            self._check_finite(state, found or training, moment)
            stage = {"stage": self.plan.name} if self.plan.name else {}
            row: dict[str, Any] = {**stage, "step": moment.step, "epoch": round(moment.step / self.batches, 4)}
            row |= {"lr": rate, **_prefixed("train", training)}
            row |= _prefixed("validation", found) if found is not None else {}
            self._keeper.offer(state, (found or training).numbers, is_held_out=found is not None)
        for turn in self._turns:
            turn.saw((found or training).numbers.get(LOSS, training.numbers[LOSS]))
        if found is not None:
            self._patience.saw(found.numbers)
        return self._journal.note(row)

    def _check_finite(self, state: weights.State, measured: Measured, moment: Moment) -> None:
        """A step may leave weights behind that only the next loss would show."""
        problems = {
            "weights": weights.all_finite(state),
            "an evaluation": math.isfinite(measured.numbers.get(LOSS, 0.0)),
        }
        found = [what for what, is_finite in problems.items() if not is_finite]
        if found:
            message = f"numbers that are not finite in {' and '.join(found)} after {moment}"
            help = "lower the learning rate, or set `clip_grad_norm`; the weights saved before are finite"
            raise TrainingError.at(self._place, "not-finite", message, help=help)


def _prefixed(split: str, measured: Measured) -> dict[str, float]:
    return {f"{split}_{name}": value for name, value in measured.numbers.items()}
