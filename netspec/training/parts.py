"""What a run's state is made of. A checkpoint holds every part, and a resumed run gives each its own back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import nn

#: Nested mappings of texts; the leaves are tensors, numbers, texts, truth values, None, and lists of such.
State = dict[str, Any]


class Part(Protocol):
    """One part. `restore(state())` on a part made of the same plan leaves it as it was, to the last bit."""

    def state(self) -> State:
        """What there is now. Tensors are the live ones: whoever keeps them for longer than a step copies them."""

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""


class Weights:
    """The parameters and buffers of a module by state-dict key, each once, however many names it has."""

    def __init__(self, module: nn.Module, keys: frozenset[str]) -> None:
        self._module = module
        self._keys = keys

    def state(self) -> State:
        return {key: tensor.detach() for key, tensor in self._module.state_dict().items() if key in self._keys}

    def restore(self, state: Mapping[str, Any]) -> None:
        missing = self._module.load_state_dict(dict(state), strict=False).unexpected_keys
        assert not missing, f"the module lacks {missing}"


class Random:
    """The generators that layers draw from: the CPU's, and the device's."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def state(self) -> State:
        found = {"cpu": torch.get_rng_state()}
        if self._device.type == "cuda":
            found["cuda"] = torch.cuda.get_rng_state(self._device)
        return found

    def restore(self, state: Mapping[str, Any]) -> None:
        torch.set_rng_state(state["cpu"])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self._device)
