"""A loss that is not finite: noticed in the step in which it appears, and traced to a layer."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from netspec.diagnostics import Diagnostic, TrainingError
from netspec.ir import Graph
from netspec.training.batches import Batch


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Moment:
    """A step, counted from 1 in the run, and where it lies in its epoch."""

    step: int
    epoch: int
    batch: int
    batches: int

    def __str__(self) -> str:
        return f"step {self.step:,} (epoch {self.epoch}, batch {self.batch} of {self.batches})"


class NotFiniteError(Exception):
    """The loss of a step is infinite or not a number."""

    def __init__(self, moment: Moment, loss: float) -> None:
        super().__init__(f"{loss} at {moment}")
        self.moment = moment
        self.loss = loss


class LossWatch:
    """Reads every loss. With a lag of 1 the number read is the step before's, so that a GPU is never waited for.

    Args:
        device: Where losses are.
        note: Is given each finite one: the update it is of, its value, and the number of values it is a mean of.
    """

    def __init__(self, device: torch.device, note: Callable[[str, float, int], object]) -> None:
        self.lag = 0 if device.type == "cpu" else 1
        self._note = note
        self._pending: deque[tuple[Moment, Tensor, str, int]] = deque()

    def see(self, moment: Moment, loss: Tensor, update: str, samples: int) -> None:
        """Look at a loss, before its gradients are taken.

        Raises:
            NotFiniteError: this one, or the one before with a lag, is not finite.
        """
        self._pending.append((moment, loss.detach(), update, samples))
        self._look(self.lag)

    def flush(self) -> None:
        """Look at what is left. Raises NotFiniteError as `see`."""
        self._look(0)

    def _look(self, lag: int) -> None:
        while len(self._pending) > lag:
            moment, loss, update, samples = self._pending.popleft()
            value = float(loss)
            if not math.isfinite(value):
                raise NotFiniteError(moment, value)
            self._note(update, value, samples)


def explain(error: NotFiniteError, module: nn.Module, batch: Batch | None, graph: Graph, place: str) -> TrainingError:
    """What a user is told: the step, and the first layer whose output is not finite.

    The layer is found by one more forward pass on the batch of that step, if it is given.
    """
    layer = first_layer(module, batch) if batch is not None else None
    node = next((node for node in graph.walk() if node.path == layer), None)
    where = f"; first in the output of `{layer}`" + (f" ({node.op.name})" if node else "") if layer else ""
    message = f"the loss is {error.loss} at {error.moment}{where}"
    help = "lower the learning rate, or set `clip_grad_norm`; the weights saved before are finite"
    notes = _notes(module, batch)
    span = node.span if node is not None else None
    return TrainingError([Diagnostic("not-finite", message, span, notes=notes, help=help, place=place)])


@torch.no_grad()
def first_layer(module: nn.Module, batch: Batch) -> str | None:
    """The path of the first layer, in the order of computation, whose output is not finite."""
    found: list[str] = []

    def watch(path: str, layer: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def look(_: nn.Module, inputs: tuple[object, ...], output: object) -> None:
            outputs = output if isinstance(output, tuple) else (output,)
            if not found and not all(map(_is_finite, outputs)):
                found.append(path)

        return layer.register_forward_hook(look)

    leaves = [(path, layer) for path, layer in module.named_modules() if next(layer.children(), None) is None]
    handles = [watch(path, layer) for path, layer in leaves]
    try:
        module(*batch.inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found[0] if found else None


def _is_finite(value: object) -> bool:
    return not isinstance(value, Tensor) or bool(torch.isfinite(value).all())


def _notes(module: nn.Module, batch: Batch | None) -> tuple[str, ...]:
    inputs = batch.inputs if batch is not None else ()
    notes = [f"input {index} of this batch is not finite" for index, x in enumerate(inputs) if not _is_finite(x)]
    broken = [name for name, parameter in module.named_parameters() if not _is_finite(parameter)]
    if broken:
        notes.append(f"parameters that are not finite: {', '.join(broken[:5])}")
    return tuple(notes)
