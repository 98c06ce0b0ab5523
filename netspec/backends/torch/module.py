"""Source -> module: the one place in netspec where source is compiled, and only source that `emit` wrote."""

from __future__ import annotations

import hashlib
import linecache
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from netspec.backends.torch.proof import proven
from netspec.backends.torch.source import emit, network_class
from netspec.ir import Graph
from netspec.lang.reader import collector_off

# The functions of nn.init that draw random numbers.
_DRAWING = """
    kaiming_normal kaiming_uniform normal orthogonal sparse trunc_normal uniform xavier_normal xavier_uniform
""".split()


def build(graph: Graph, *, initialize: bool = True) -> nn.Module:
    """The network as an ordinary module: exactly what `emit(graph)` prints.

    Args:
        graph: A verified graph.
        initialize: Draw parameters, by torch's defaults and the graph's rules. False skips drawing, for weights that
            are loaded next.

    Returns:
        A module whose `forward` takes batches `[N, *shape]` in the order of the graph's inputs and returns the
        output, or a tuple in the order of the graph's outputs. Its state-dict keys are the spec's module paths.
    """
    # What is written stays until it is printed: a collector that looks through it finds nothing to free.
    with collector_off():
        network = compiled(emit(proven(graph)))
        if initialize:
            return network()
        with _uninitialized():
            return network()


def compiled(source: str) -> type[nn.Module]:
    """Run an emitted file and give its network's class.

    The text is registered with linecache, so tracebacks and debuggers show it. `emit` builds it from syntax trees in
    which a spec's text is a constant; tests hold the tree to a list of allowed nodes.
    """
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    filename = f"<netspec {digest}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, object] = {"__name__": f"netspec_{digest}"}
    exec(compile(source, filename, "exec"), namespace)
    found = namespace[network_class(source)]
    assert isinstance(found, type)
    assert issubclass(found, nn.Module)
    return found


@contextmanager
def _uninitialized() -> Iterator[None]:
    """Layers allocate their parameters and draw nothing."""
    drawing = {f"{name}_": getattr(nn.init, f"{name}_") for name in _DRAWING}

    def leave(tensor: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        return tensor

    try:
        for name in drawing:
            setattr(nn.init, name, leave)
        yield
    finally:
        for name, function in drawing.items():
            setattr(nn.init, name, function)
