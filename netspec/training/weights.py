"""Weights in safetensors files, whose keys are the state-dict keys of the plain module."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from netspec import atomic
from netspec.ir import Graph
from netspec.weights.bind import PLAIN, Mapped
from netspec.weights.match import match
from netspec.weights.read import open_weights
from netspec.weights.stored import Array

State = dict[str, Tensor]


def save(state: State, path: Path) -> None:
    """Write a file, whole or not at all.

    Raises:
        NetspecError: `unwritable`.
    """
    plain = {key: tensor.detach().cpu().contiguous() for key, tensor in state.items()}
    with atomic.replacing(path) as temporary:
        save_file(plain, temporary)


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
