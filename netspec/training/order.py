"""Where a run is in its data: epochs in an order of their own, and the steps in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import torch
from torch import Tensor

from netspec.training.batches import Batches
from netspec.training.finite import Moment
from netspec.training.parts import State
from netspec.training.streams import Streams


class Order:
    """Gives the places of each step's samples, up to the last step.

    Args:
        batches: The training samples.
        size: Samples of one step.
        steps: Steps of the run.
        seed: Of the orders of all epochs; None: the data's own order.
    """

    def __init__(self, batches: Batches | Streams, size: int, steps: int, seed: int | None) -> None:
        self._batches = batches
        self._size = size
        self._steps = steps
        self._generator = torch.Generator().manual_seed(seed) if seed is not None else None
        self.steps_per_epoch = -(-len(batches) // size)
        #: Steps that were given in all, epochs begun, and steps given of this one.
        self.step, self.epoch, self.number = 0, 0, 0
        # The generator as it was when this epoch began: from it comes the order.
        self._began = self._drawing_state()

    def __iter__(self) -> Iterator[tuple[Moment, Tensor]]:
        """From where it is. A state that is taken while a step is made counts that step as made."""
        skip = self.number
        while self.step < self._steps:
            if not skip:
                self._began = self._drawing_state()
                self.epoch += 1
            self.number = skip
            for places in islice(self._batches.shuffled(self._size, self._generator, self.epoch), skip, None):
                self.step += 1
                self.number += 1
                moment = Moment(self.step, self.epoch, self.number, self.steps_per_epoch)
                if self.number == self.steps_per_epoch:
                    # Nothing of this epoch is left; the next one begins with the generator as it is now.
                    self.number, self._began = 0, self._drawing_state()
                yield moment, places
                if self.step == self._steps:
                    return
            skip = 0

    def state(self) -> State:
        return {"step": self.step, "epoch": self.epoch, "number": self.number, "generator": self._began}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.step, self.epoch, self.number = state["step"], state["epoch"], state["number"]
        if self._generator is not None:
            self._generator.set_state(state["generator"])
        self._began = self._drawing_state()

    def _drawing_state(self) -> Tensor | None:
        return self._generator.get_state() if self._generator is not None else None
