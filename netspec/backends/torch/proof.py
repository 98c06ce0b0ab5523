"""Scans that are run as a fused layer are seen to compute what their loop does, before a network is built with them."""

from __future__ import annotations

import warnings
from dataclasses import replace

import torch

from netspec.backends.torch.source import emit
from netspec.compiler.passes.fused_cells import fused_cells
from netspec.ir import Graph, Scan, Value, evaluate, symbols_of

#: Of the values of the loop, in float64; rounding is 1e-15 a step.
TOLERANCE = 1e-10
BATCH, STEPS = 3, 5


def proven(graph: Graph) -> Graph:
    """The graph with those fused scans that agree with their loop on random input, in float64.

    Where one does not, its loop runs, and a warning says so.
    """
    fused = [region for region in graph.regions() if isinstance(region, Scan) and region.fused is not None]
    failed = [scan.path for scan in fused if scan.owner is None and not is_proven(scan)]
    if not failed:
        return graph
    for path in failed:
        warnings.warn(f"`{path}` was taken for a layer that it is not: it runs as a loop", stacklevel=3)
    return fused_cells(graph, but=failed)


def is_proven(scan: Scan) -> bool:
    """Whether the fused layer gives what the loop gives."""
    from netspec.backends.torch.module import compiled  # which builds networks with what this file proves

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loop, fused = (compiled(emit(_alone(each)))().double().eval() for each in (replace(scan, fused=None), scan))
        fused.load_state_dict(loop.state_dict())
        inputs = [_random(value) for value in scan.inputs]
    with torch.no_grad():
        pairs = zip(loop(*inputs), fused(*inputs), strict=True)
        return all(_agree(a, b) for a, b in pairs)


def _alone(scan: Scan) -> Graph:
    """The scan as a network. What is the same for every sample is given for each."""
    inputs = tuple(dict.fromkeys(scan.inputs))
    outputs = tuple(f"output_{index}" for index in range(len(scan.outputs)))
    return Graph("proof", inputs, (scan,), scan.outputs, outputs)


def _random(value: Value) -> torch.Tensor:
    symbols = {each for size in value.type.shape for each in symbols_of(size)}
    known = {each.name: _size(each.least, each.multiple_of) for each in symbols}
    sizes = [evaluate(size, known) for size in value.type.shape]
    return torch.randn(BATCH if value.type.batched else 1, *sizes, dtype=torch.float64)


def _size(least: int, step: int) -> int:
    """A size of some steps that a symbol may have."""
    return max(least, -(-STEPS // step) * step)


def _agree(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.shape == b.shape and bool((a - b).abs().max() <= TOLERANCE * max(1.0, float(a.abs().max())))
