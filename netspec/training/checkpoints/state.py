"""The state of a run as files hold it: tensors by name, and all else as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from netspec.training.weights import as_tensor
from netspec.weights.stored import Array

#: Stands in place of a tensor, and names it.
TENSOR = "$tensor"
Tree = Any


def split(state: Tree, path: str = "") -> tuple[Tree, dict[str, Tensor]]:
    """Nested mappings and lists without their tensors, and these by their paths, as in `optimizer/fc.bias/exp_avg`."""
    if isinstance(state, Tensor):
        return {TENSOR: path}, {path: state.detach()}
    if isinstance(state, Mapping):
        parts = {key: split(value, f"{path}/{key}" if path else key) for key, value in state.items()}
        return {key: tree for key, (tree, _) in parts.items()}, _joined([found for _, found in parts.values()])
    if isinstance(state, list | tuple):
        items = [split(value, f"{path}/{index}" if path else str(index)) for index, value in enumerate(state)]
        return [tree for tree, _ in items], _joined([found for _, found in items])
    return state, {}


def join(tree: Tree, arrays: Mapping[str, Array]) -> Tree:
    """What was split; tuples come back as lists."""
    if isinstance(tree, list):
        return [join(item, arrays) for item in tree]
    if not isinstance(tree, Mapping):
        return tree
    if tree.keys() == {TENSOR}:
        return as_tensor(arrays[tree[TENSOR]])
    return {key: join(value, arrays) for key, value in tree.items()}


def _joined(parts: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: tensor for part in parts for name, tensor in part.items()}
