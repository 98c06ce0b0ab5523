"""Passes: functions Graph -> Graph that keep what the network computes and its state-dict keys."""

from __future__ import annotations

from netspec.compiler.passes.channels_last import channels_last
from netspec.compiler.passes.pool_before_activation import pool_before_activation
from netspec.compiler.passes.relu_in_place import relu_in_place
from netspec.ir import Graph

# In this order: who stands behind what, then how it is computed.
REWRITES = (pool_before_activation, relu_in_place, channels_last)


def rewrite(graph: Graph) -> Graph:
    """All rewrites that make training faster, where they apply."""
    for apply in REWRITES:
        graph = apply(graph)
    return graph


__all__ = ["REWRITES", "channels_last", "pool_before_activation", "relu_in_place", "rewrite"]
