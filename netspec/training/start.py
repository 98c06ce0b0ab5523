"""A module that starts from the files which its spec names."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from netspec.ir import Graph
from netspec.training.weights import as_tensor
from netspec.weights.match import match
from netspec.weights.read import open_weights
from netspec.weights.start import Start, part, skipping


def load_starts(module: nn.Module, graph: Graph, starts: tuple[Start, ...]) -> None:
    """Load what a network starts from; if anything is wrong the module is left as it was.

    Raises:
        ModelError: as `read_starts`.
    """
    unexpected = module.load_state_dict(read_starts(graph, starts), strict=False)[1]
    assert not unexpected, f"the module of a graph lacks its keys {unexpected}"


def read_starts(graph: Graph, starts: tuple[Start, ...]) -> dict[str, Tensor]:
    """What a network starts from, by its state-dict keys.

    Raises:
        ModelError: `weights`, as `netspec.weights.match` raises it, with the keys of the spec that is used.
    """
    state: dict[str, Tensor] = {}
    for start in starts:
        with open_weights(start.weights.path) as tensors:
            mapping = skipping(start, tensors).mapping
            arrays = match(part(graph, start.path), tensors, mapping, file=start.weights.file)
        prefix = f"{start.path}." if start.path else ""
        state |= {prefix + key: as_tensor(array) for key, array in arrays.items()}
    return state


def start_file(run: Path, stage: str) -> Path:
    """Where a run keeps what a stage starts from."""
    return run / (f"start-{stage}.safetensors" if stage else "start.safetensors")


def kept_start(run: Path, stage: str) -> dict[str, Tensor]:
    """What a run keeps of that; nothing where there was nothing to start from.

    Raises:
        ModelError: `weights`: the file is not as it was written.
    """
    path = start_file(run, stage)
    if not path.exists():
        return {}
    with open_weights(path) as tensors:
        return {key: as_tensor(stored.read()) for key, stored in tensors.items()}
