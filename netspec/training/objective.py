"""What is minimised and what is measured, on tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from netspec.compiler.memory import inference_bytes
from netspec.compiler.passes.deployed import deployed, training_values
from netspec.ir import Graph, Value, bounds
from netspec.training.batches import Batch, Batches
from netspec.training.losses import OWN
from netspec.training.padding import Valid
from netspec.training.plan import TrainPlan
from netspec.training.streams import Streams
from netspec.training.tally import Measured, Tally, Totals
from netspec.training.targets import Target
from netspec.training.terms import Measure, Term
from netspec.training.views import merged

#: Samples of one batch of an evaluation; no gradients are kept, so more fit than in training.
EVALUATION_BATCH = 500
#: Of large ones as many as take this at once, where that is known.
EVALUATION_BYTES = 2**29
EVALUATION_SEED = 0

Outputs = tuple[Tensor, ...]


class Places:
    """Where the values of a graph stand among a module's outputs: all of them, or those of the evaluated network."""

    def __init__(self, graph: Graph, *, training: bool) -> None:
        gone = set() if training else training_values(graph)
        kept = [value for value in graph.outputs if value not in gone]
        self._places = {value: index for index, value in enumerate(kept)}

    def logits(self, terms: Iterable[Term]) -> dict[int, int]:
        """The outputs that are read as logits: place -> axis of the classes."""
        known = [term for term in terms if term.loss.name == "cross_entropy" and self.has(term)]
        return {self._places[next(iter(term.reads.values()))]: term.alignment.class_axis or 1 for term in known}

    def has(self, end: Term | Measure) -> bool:
        """Whether all that a loss or a metric reads is there."""
        read = [*end.reads.values()] if isinstance(end, Term) else [end.output]
        target = end.target.value if end.target is not None else None
        return all(value in self._places for value in [*read, *([target] if target is not None else [])])

    def of(self, value: Value, outputs: Outputs) -> Tensor:
        """The tensor of a value."""
        return outputs[self._places[value]]

    def target(self, target: Target, output: Tensor, outputs: Outputs, batch: Batch) -> Tensor:
        """What an output is compared with."""
        if target.kind == "layer":
            assert target.value is not None
            return self.of(target.value, outputs).detach()
        if target.kind == "number":
            return output.new_full((), target.number)
        return batch.named[target.name]


class Losses:
    """The weighted sum of some terms, a mean over the batch."""

    def __init__(self, graph: Graph, terms: Iterable[Term], device: torch.device, *, training: bool = True) -> None:
        self._places = Places(graph, training=training)
        self._terms = [(term, _function(term, device)) for term in terms if self._places.has(term)]
        self._valid = {term.output: Valid.of(term.output, graph) for term, _ in self._terms}

    def __bool__(self) -> bool:
        """Whether there is any term."""
        return bool(self._terms)

    def __call__(self, outputs: Outputs, batch: Batch) -> Tensor:
        if batch.partners is None:
            return self._summed(outputs, batch)
        # Of two samples in one, each by its share.
        own, other = (self._summed(outputs, each) for each in (batch, batch.partners))
        return batch.share * own + (1 - batch.share) * other

    def _summed(self, outputs: Outputs, batch: Batch) -> Tensor:
        parts = [
            _weighted(function(*self._ends(term, outputs, batch), batch.size), term.weight)
            for term, function in self._terms
        ]
        return parts[0] if len(parts) == 1 else torch.stack(parts).sum()

    def weight(self, batch: Batch) -> int:
        """Over how many values the loss is a mean, of those that differ in number from batch to batch."""
        term, _ = self._terms[0]
        valid = self._valid[term.output]
        return batch.size if valid is None or term.loss.reduction == "sum" else valid.count(batch)

    def _ends(self, term: Term, outputs: Outputs, batch: Batch) -> tuple[dict[str, Tensor], Tensor | None]:
        reads = {argument: self._places.of(value, outputs) for argument, value in term.reads.items()}
        target = None
        if term.target is not None:
            first, output = next(iter(reads.items()))
            reads[first], target = _compared(term, self._places, output, outputs, batch)
        valid = self._valid[term.output]
        if valid is not None:
            reads = {name: valid.select(each, term.alignment, batch) for name, each in reads.items()}
            target = None if target is None else valid.select(target, term.alignment, batch, is_target=True)
        return reads, target


class Metrics:
    """The metrics of a plan, as far as they exist in training or in evaluation."""

    def __init__(self, graph: Graph, measures: Iterable[Measure], *, training: bool = True) -> None:
        self._places = Places(graph, training=training)
        self.measures = tuple(measure for measure in measures if self._places.has(measure))
        self._valid = {measure.output: Valid.of(measure.output, graph) for measure in self.measures}

    def hand_on(self, outputs: Outputs, batches: Batches | Streams) -> None:
        """Give running streams the states that they ended with."""
        if isinstance(batches, Streams):
            batches.carry({slot: self._places.of(slot.end, outputs) for slot in batches.slots})

    def totals(self, outputs: Outputs, batch: Batch) -> Totals:
        """For each metric its sum over the batch, left on the device, and the number of values summed."""
        found = []
        for measure in self.measures:
            output = self._places.of(measure.output, outputs)
            output, target = _compared(measure, self._places, output, outputs, batch)
            valid = self._valid[measure.output]
            if valid is not None:
                output = valid.select(output, measure.alignment, batch)
                target = valid.select(target, measure.alignment, batch, is_target=True)
            found.append((measure.metric.total(output, target), measure.metric.count(target)))
        return found


class Objective:
    """The losses and metrics of a plan, measured on held-out samples by the network as it is deployed."""

    def __init__(self, plan: TrainPlan, device: torch.device) -> None:
        self._losses = {
            update.name: Losses(plan.graph, update.terms, device, training=False) for update in plan.updates
        }
        self._metrics = Metrics(plan.graph, plan.measures, training=False)
        self._logits = Places(plan.graph, training=False).logits(plan.terms)
        self._device = device
        self._batch_size = max(plan.settings.batch_size, evaluation_batch(plan.graph))

    @torch.no_grad()
    def measure(self, module: nn.Module, batches: Batches | Streams) -> Measured:
        """Loss and metrics of all samples, in evaluation mode; the module's own mode is put back.

        What is drawn is the same in every evaluation, and training goes on with the generator as it was.
        """
        was_training = module.training
        module.eval()
        tally = Tally(self._metrics.measures)
        with torch.random.fork_rng(devices=[self._device] if self._device.type == "cuda" else []):
            torch.manual_seed(EVALUATION_SEED)
            for batch in batches.in_order(self._batch_size):
                outputs = merged(call(module, batch), batch.views, self._logits)
                self._metrics.hand_on(outputs, batches)
                for name, losses in self._losses.items():
                    if losses:
                        tally.add_loss(name, losses(outputs, batch), losses.weight(batch))
                tally.add(self._metrics.totals(outputs, batch))
        module.train(was_training)
        return tally.result()


def evaluation_batch(graph: Graph) -> int:
    """How many samples are measured at once, if the training's batches are not larger."""
    sample = bounds(inference_bytes(deployed(graph)) or 0)[0] or 0
    return max(1, min(EVALUATION_BATCH, EVALUATION_BYTES // max(1, sample)))


def call(module: nn.Module, batch: Batch) -> Outputs:
    """The module's outputs, as a tuple also where there is one."""
    outputs = module(*batch.inputs)
    return outputs if isinstance(outputs, tuple) else (outputs,)


def _compared(
    end: Term | Measure, places: Places, output: Tensor, outputs: Outputs, batch: Batch
) -> tuple[Tensor, Tensor]:
    """Output and target, lined up."""
    assert end.target is not None
    target = places.target(end.target, output, outputs, batch)
    if end.target.kind == "number":
        # Every sample has it, and where the target has the output's shape every element.
        is_class = end.alignment.class_axis is not None
        shape = output.shape[:1] if is_class or end.alignment.of_samples else output.shape
        target = target.to(torch.int64 if is_class else output.dtype).expand(shape)
    if end.target.repeated is not None:
        place, axis = end.target.repeated
        sizes = [output.shape[axis] if each == place else -1 for each in range(target.ndim + 1)]
        target = target.unsqueeze(place).expand(sizes)
    return end.alignment(output, target)


# Of what is read, what it is compared with, and how many samples there are.
Function = Callable[[dict[str, Tensor], Tensor | None, int], Tensor]


def _weighted(loss: Tensor, weight: float) -> Tensor:
    """The loss times its weight; times one it is itself, which spares a small network a tenth of its step."""
    return loss if weight == 1 else weight * loss


def _function(term: Term, device: torch.device) -> Function:
    """PyTorch's function with its arguments. A sum is taken over what lies in one sample; the mean is over samples."""
    if term.loss.name in OWN:
        return _sum if term.loss.reduction == "sum" else _mean
    chosen = getattr(functional, term.loss.name)  # a name of the closed table
    arguments: dict[str, Any] = {
        name: torch.tensor(value, device=device) if isinstance(value, tuple) else value
        for name, value in term.loss.arguments().items()
    }

    def apply(reads: dict[str, Tensor], target: Tensor | None, samples: int) -> Tensor:
        ends = reads if target is None else {**reads, "target": target}
        found: Tensor = chosen(**ends, **arguments)
        return found / samples if term.loss.reduction == "sum" else found

    return apply


def _sum(reads: dict[str, Tensor], target: Tensor | None, samples: int) -> Tensor:
    return reads["input"].sum() / samples


def _mean(reads: dict[str, Tensor], target: Tensor | None, samples: int) -> Tensor:
    return reads["input"].mean()
