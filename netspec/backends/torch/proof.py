"""Scans that are run as a fused layer are seen to compute what their loop does, before a network is built with them."""

from __future__ import annotations

import warnings
from dataclasses import replace

import torch

from netspec.backends.torch.source import emit
from netspec.compiler.passes.fused_cells import fused_cells
from netspec.ir import DType, Graph, Scan, TensorType, Value, evaluate, symbols_of
from netspec.ir.dims import Symbol
from netspec.ir.graph import MARK

#: Of the values of the loop, in float64; rounding is 1e-15 a step.
TOLERANCE = 1e-10
#: Of each sample, where they have lengths; the shortest is as short as can be.
STEPS = (2, 5, 1)


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
    """Whether the fused layer gives what the loop gives, of each sample up to its length."""
    from netspec.backends.torch.module import compiled  # which builds networks with what this file proves

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        loop, fused = (compiled(emit(_alone(each)))().double().eval() for each in (replace(scan, fused=None), scan))
        for tensor in loop.state_dict().values():
            tensor.normal_(std=tensor.shape[-1:].numel() ** -0.5)  # a parameter that starts at zero would prove nothing
        fused.load_state_dict(loop.state_dict())
        inputs = [_random(value) for value in dict.fromkeys(scan.inputs)]
    samples = _samples(scan)
    lengths = [torch.tensor([sizes[name] for sizes in samples]) for name in _lengths(scan)]
    with torch.no_grad():
        results = zip(scan.outputs, loop(*inputs, *lengths), fused(*inputs, *lengths), strict=True)
        return all(_agree(value, a, b, samples) for value, a, b in results)


def _alone(scan: Scan) -> Graph:
    """The scan as a network. What is the same for every sample is given for each."""
    lengths = _lengths(scan)
    inputs = (*dict.fromkeys(scan.inputs), *lengths.values())
    outputs = tuple(f"output_{index}" for index in range(len(scan.outputs)))
    return Graph("proof", inputs, (scan,), scan.outputs, outputs, lengths)


def _lengths(scan: Scan) -> dict[str, Value]:
    """By symbol that samples have lengths of: the input that says them."""
    sizes = [value.type.shape[axis - 1] for value in scan.inputs for axis in sorted(value.type.valid)]
    names = sorted({each.name for size in sizes for each in symbols_of(size)})
    return {name: Value(f"{name}{MARK}lengths", TensorType((), DType.INT64)) for name in names}


def _samples(scan: Scan) -> list[dict[str, int]]:
    """The sizes of each sample, by symbol."""
    symbols = {each for value in scan.inputs for size in value.type.shape for each in symbols_of(size)}
    return [{each.name: _size(each, steps) for each in symbols} for steps in STEPS]


def _size(symbol: Symbol, steps: int) -> int:
    """One of the first sizes that a symbol may have."""
    size = symbol.least + (steps - 1) * symbol.multiple_of
    return size if symbol.most is None else min(size, symbol.most)


def _random(value: Value) -> torch.Tensor:
    symbols = {each for size in value.type.shape for each in symbols_of(size)}
    sizes = [evaluate(size, {each.name: _size(each, max(STEPS)) for each in symbols}) for size in value.type.shape]
    return torch.randn(len(STEPS) if value.type.batched else 1, *sizes, dtype=torch.float64)


def _agree(value: Value, a: torch.Tensor, b: torch.Tensor, samples: list[dict[str, int]]) -> bool:
    if a.shape != b.shape:
        return False
    if not value.type.valid:
        return _is_equal(a, b)
    ends = [evaluate(value.type.shape[0], sizes) for sizes in samples]
    return all(_is_equal(a[i, :end], b[i, :end]) for i, end in enumerate(ends))


def _is_equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return bool((a - b).abs().max() <= TOLERANCE * max(1.0, float(a.abs().max())))
