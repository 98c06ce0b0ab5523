"""Weights in safetensors files, whose keys are the state-dict keys of the plain module."""

from __future__ import annotations

from pathlib import Path

import ml_dtypes
import torch
from torch import Tensor, nn

from netspec.ir import Graph
from netspec.weights.bind import PLAIN, Mapped
from netspec.weights.match import match
from netspec.weights.read import open_weights
from netspec.weights.stored import Array, Stored
from netspec.weights.write import write_weights

State = dict[str, Tensor]


def save(state: State, path: Path) -> None:
    """Write a sealed file, whole or not at all.

    Raises:
        NetspecError: `unwritable`.
    """
    write_weights(stored(state), path)


def stored(state: State) -> dict[str, Stored]:
    """Tensors as a file's; they must not change until they are read."""
    return {key: _stored(key, tensor.detach()) for key, tensor in state.items()}


def load_into(module: nn.Module, graph: Graph, path: str | Path, mapping: Mapped = PLAIN) -> None:
    """Load a file into the module of a graph; if anything is wrong the module is left as it was.

    Raises:
        ModelError: `weights`: the file cannot be read, or keys are missing, left over, of another shape or type, or
            hold numbers that are not finite; each at the line of its layer.
    """
    with open_weights(path) as tensors:
        arrays = match(graph, tensors, mapping, file=str(path))
    # Not strict: what is skipped stays, and a tied parameter has several names. `match` was strict.
    unexpected = module.load_state_dict({key: as_tensor(array) for key, array in arrays.items()}, strict=False)[1]
    assert not unexpected, f"the module of a graph lacks its keys {unexpected}"


def all_finite(state: State) -> bool:
    """Whether every number is finite."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in state.values())


def as_tensor(array: Array) -> Tensor:
    """The same numbers; torch does not know numpy's bfloat16, which is an extension."""
    if array.dtype.name == "bfloat16":
        return torch.from_numpy(array.view("int16")).view(torch.bfloat16)
    return torch.from_numpy(array)


def _stored(key: str, tensor: Tensor) -> Stored:
    dtype = str(tensor.dtype).removeprefix("torch.")
    return Stored(key, dtype, tuple(tensor.shape), lambda: _as_array(tensor))


def _as_array(tensor: Tensor) -> Array:
    plain = tensor.cpu().contiguous()
    if plain.dtype is torch.bfloat16:
        found: Array = plain.view(torch.int16).numpy().view(ml_dtypes.bfloat16)
        return found
    return plain.numpy()
