"""Passes: functions Graph -> Graph that keep what the network computes and its state-dict keys, one a file."""

from __future__ import annotations

from netspec.ir import Graph


def rewrite(graph: Graph) -> Graph:
    """All rewrites that make training faster, where they apply: who stands behind what, then how it is computed."""
    # Here, not above: who counts layers by the `deployed` pass needs none of the ops that these know.
    from netspec.compiler.passes.channels_last import channels_last
    from netspec.compiler.passes.fused_cells import fused_cells
    from netspec.compiler.passes.pool_before_activation import pool_before_activation
    from netspec.compiler.passes.relu_in_place import relu_in_place

    return channels_last(relu_in_place(pool_before_activation(fused_cells(graph))))
