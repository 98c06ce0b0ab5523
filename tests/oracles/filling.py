"""Values for every tensor of a network from its name alone, so that two builds of it compute the same.

An oracle fills another library's module, a test fills netspec's; neither stores a weight. The rule for a tensor whose
state-dict key is `key`, with n drawn by numpy's PCG64 seeded with the first 8 bytes of sha256(key), in float32:

| tensor                                              | value              |
|-----------------------------------------------------|--------------------|
| integers (`num_batches_tracked`, indices)           | left as they are   |
| `running_var`                                       | 0.5 + uniform      |
| `running_mean`, a name with `bias` in it            | 0.1 n              |
| another name with `weight` in it, two axes or more  | sqrt(1.7/fan_in) n |
| another name with `weight` in it, one axis (norms)  | 1 + 0.1 n          |
| anything else (tokens, positions, layer scales)     | 0.5 n              |

`fan_in` is the product of all sizes but the first. The gain of 1.7 was chosen so that the logits of deep networks
still depend on their input: with 1.5 those of EfficientNet hardly do, with 2 those of the ResNets
(`record_torchvision.py` refuses such logits).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

GAIN = 1.7


def fill(key: str, shape: Sequence[int], dtype: Any = np.float32) -> np.ndarray:
    """The values of the tensor with that state-dict key: float32 numbers, whatever type they are then stored in."""
    name = key.rpartition(".")[2]
    if name == "running_var":
        values = np.float32(0.5) + _generator(key).random(shape, dtype=np.float32)
    elif name == "running_mean" or "bias" in name:
        values = np.float32(0.1) * _normal(key, shape)
    elif "weight" in name:
        values = _weight(key, shape)
    else:
        values = np.float32(0.5) * _normal(key, shape)
    return values.astype(dtype, copy=False)


def _weight(key: str, shape: Sequence[int]) -> np.ndarray:
    if len(shape) < 2:
        return np.float32(1) + np.float32(0.1) * _normal(key, shape)
    return np.float32(math.sqrt(GAIN / math.prod(shape[1:]))) * _normal(key, shape)


def batch(shape: Sequence[int], dtype: Any = np.float32, key: str = "input") -> np.ndarray:
    """The input that goes with them, [N, C, *]: n + 2 m, where m is drawn once for each channel of each sample.

    Without m, images of noise would all be one image to a network that averages over space.
    """
    offsets = _normal(f"{key}.offset", (*shape[:2], *(1 for _ in shape[2:])))
    return (_normal(key, shape) + np.float32(2) * offsets).astype(dtype, copy=False)


def fill_module(module: Any) -> Any:
    """Fill every floating tensor of a torch module's state dict in place; gives the module back."""
    for key, tensor in module.state_dict().items():
        # The memory that torch and numpy share: this file needs no torch.
        view = tensor.detach().numpy()
        if np.issubdtype(view.dtype, np.floating):
            view[...] = fill(key, view.shape, view.dtype)
    return module


def _generator(key: str) -> np.random.Generator:
    seed = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big")
    return np.random.Generator(np.random.PCG64(seed))


def _normal(key: str, shape: Sequence[int]) -> np.ndarray:
    return _generator(key).standard_normal(tuple(shape), dtype=np.float32)
