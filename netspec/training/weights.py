"""Weights in safetensors files, whose keys are the state-dict keys of the plain module."""

from __future__ import annotations

from pathlib import Path

import safetensors
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from netspec import atomic
from netspec.diagnostics import ModelError

MAX_LISTED = 8
State = dict[str, Tensor]


def save(state: State, path: Path) -> None:
    """Write a file, whole or not at all.

    Raises:
        NetspecError: `unwritable`.
    """
    plain = {key: tensor.detach().cpu().contiguous() for key, tensor in state.items()}
    with atomic.replacing(path) as temporary:
        save_file(plain, temporary)


def load_into(module: nn.Module, path: Path) -> None:
    """Load all weights of a file into a module; if anything is wrong the module is left as it was.

    Raises:
        ModelError: `weights`: the file cannot be read, or keys are missing, left over, of another shape or type, or
            hold numbers that are not finite.
    """
    found = _read(path)
    wanted = module.state_dict()
    problems = [
        *(f"missing: `{key}` {list(tensor.shape)}" for key, tensor in wanted.items() if key not in found),
        *(f"left over: `{key}` {list(tensor.shape)}" for key, tensor in found.items() if key not in wanted),
        *(text for key in wanted.keys() & found.keys() if (text := _difference(key, wanted[key], found[key]))),
    ]
    if problems:
        listed = sorted(problems)
        more = [f"... and {len(listed) - MAX_LISTED:,} more"] if len(listed) > MAX_LISTED else []
        message = f"the weights do not fit the network: {len(listed):,} of {len(wanted):,} tensors differ"
        raise ModelError.at(str(path), "weights", message, notes=[*listed[: MAX_LISTED - len(more)], *more])
    module.load_state_dict(found)


def all_finite(state: State) -> bool:
    """Whether every number is finite."""
    return all(bool(torch.isfinite(tensor).all()) for tensor in state.values())


def _read(path: Path) -> State:
    try:
        return load_file(path)
    except (OSError, safetensors.SafetensorError, ValueError, KeyError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0][:200]
        raise ModelError.at(str(path), "weights", f"not a readable safetensors file: {reason.lower()}") from None


def _difference(key: str, wanted: Tensor, found: Tensor) -> str | None:
    if wanted.shape != found.shape:
        return f"`{key}` is {list(found.shape)}, the network has {list(wanted.shape)}"
    if wanted.dtype != found.dtype:
        return f"`{key}` holds {str(found.dtype)[6:]}, the network {str(wanted.dtype)[6:]}"
    return None if bool(torch.isfinite(found).all()) else f"`{key}` holds numbers that are not finite"
