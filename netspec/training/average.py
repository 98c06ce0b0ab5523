"""`ema`: an exponential moving average of the weights, which is what is measured and kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from netspec.training.parts import State


class Average:
    """The average of a module's parameters over steps (Polyak, Juditsky 1992): decay * average + (1 - decay) * weights.

    It begins with the weights after the first step, as `torch.optim.swa_utils.AveragedModel` does. Buffers, statistics
    of batch norm among them, stay those of the module.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._names = [name for name, _ in module.named_parameters()]
        self._parameters = list(module.parameters())
        self._average = [parameter.detach().clone() for parameter in self._parameters]
        self._decay = decay
        self._steps = 0

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        live = [parameter.detach() for parameter in self._parameters]
        if self._steps == 0:
            torch._foreach_copy_(self._average, live)
        else:
            torch._foreach_lerp_(self._average, live, 1 - self._decay)
        self._steps += 1

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The module with averaged weights."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def state(self) -> State:
        return {"steps": self._steps, "weights": dict(zip(self._names, self._average, strict=True))}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._steps = state["steps"]
        with torch.no_grad():
            torch._foreach_copy_(self._average, [state["weights"][name] for name in self._names])

    def _exchange(self) -> None:
        for index, parameter in enumerate(self._parameters):
            parameter.data, self._average[index] = self._average[index], parameter.data
