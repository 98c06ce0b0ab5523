"""A spec's network beside what an oracle recorded: names, shapes, sizes and numbers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import netspec
from tests.oracles.filling import batch, fill_module

DATA = Path(__file__).parent / "data"


@dataclass(frozen=True)
class Oracle:
    """What `record_torchvision.py` recorded of one network.

    `tensors` maps every state-dict key to its shape, heads that exist in training only included; `outputs` has the
    logits of evaluation as `logits` [2, classes] and those of each head by its name.
    """

    name: str
    tensors: Mapping[str, tuple[int, ...]]
    heads: tuple[str, ...]
    input: tuple[int, ...]
    params: int
    params_deployed: int
    float32_error: float
    outputs: Mapping[str, np.ndarray]


def recorded() -> list[str]:
    """The names of the networks that have a record."""
    return sorted(path.stem for path in DATA.glob("*.npz"))


def oracle(name: str) -> Oracle:
    """The record of a network.

    Raises:
        FileNotFoundError: there is none of that name.
    """
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as arrays:
        meta = json.loads(arrays["meta"].tobytes())
        outputs = {key: arrays[key] for key in arrays.files if key != "meta"}
    return Oracle(
        name=meta["name"],
        tensors={key: tuple(shape) for key, shape in meta["tensors"]},
        heads=tuple(meta["heads"]),
        input=tuple(meta["input"]),
        params=meta["params"],
        params_deployed=meta["params_deployed"],
        float32_error=meta["float32_error"],
        outputs=outputs,
    )


def tensors(module: torch.nn.Module) -> dict[str, tuple[int, ...]]:
    """Every key of a module's state dict with its shape."""
    return {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()}


def differences(found: Mapping[str, tuple[int, ...]], expected: Mapping[str, tuple[int, ...]]) -> list[str]:
    """What is missing, what is too much and what has another shape, a line each."""
    missing = [f"missing {key} {list(shape)}" for key, shape in expected.items() if key not in found]
    extra = [f"extra {key} {list(shape)}" for key, shape in found.items() if key not in expected]
    shared = [key for key in expected if key in found]
    other = [
        f"{key} is {list(found[key])}, expected {list(expected[key])}" for key in shared if found[key] != expected[key]
    ]
    return missing + extra + other


def filled(spec: Any, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
    """The spec's network in evaluation, its tensors filled by their keys.

    Args:
        spec: A spec, its path, or the name of a shipped one.
        dtype: What it computes in; the values are float32 numbers whatever it is.

    Raises:
        SpecError: the spec is wrong.
    """
    module: torch.nn.Module = fill_module(netspec.build(spec, initialize=False))
    return module.eval().to(dtype)


def outputs(module: torch.nn.Module, shape: Iterable[int]) -> list[np.ndarray]:
    """What a network of one input gives for the one batch of that shape, in the type of its parameters."""
    dtype = next(module.parameters()).dtype
    with torch.no_grad():
        found = module(torch.from_numpy(batch(tuple(shape))).to(dtype))
    return [each.numpy() for each in (found if isinstance(found, tuple) else (found,))]


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """max|found - expected| / max|expected|, infinite where the shapes differ or a number is not finite."""
    if found.shape != expected.shape or not np.isfinite(found).all():
        return float("inf")
    difference = found.astype(np.float64) - expected.astype(np.float64)
    return float(np.abs(difference).max() / np.abs(expected).max())
