"""A module that starts from the files which its spec names."""

from __future__ import annotations

from torch import Tensor, nn

from netspec.ir import Graph
from netspec.training.weights import as_tensor
from netspec.weights.match import match
from netspec.weights.read import open_weights
from netspec.weights.start import Start, part, skipping


def load_starts(module: nn.Module, graph: Graph, starts: tuple[Start, ...]) -> None:
    """Load what a network starts from; if anything is wrong the module is left as it was.

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
    unexpected = module.load_state_dict(state, strict=False)[1]
    assert not unexpected, f"the module of a graph lacks its keys {unexpected}"
