"""The numbers of axes, as in PyTorch: 0 is the batch, so the axes of a sample are 1, 2, ... and -1 is the last."""

from __future__ import annotations

from netspec.ops.base import OpError


def resolve_axis(attr: str, dim: int, rank: int) -> int:
    """The axis that `dim` names, from 1 to `rank`, the number of a sample's axes.

    Raises:
        OpError: there is no such axis, or it is the batch.
    """
    axis = dim if dim >= 0 else dim + rank + 1
    if axis == 0:
        raise OpError(
            f"{attr} {dim} is the batch, which no layer may touch", attr=attr, help="a sample's axes count from 1"
        )
    if not 1 <= axis <= rank:
        has = "the input is one number a sample" if rank == 0 else f"a sample's axes are 1 to {rank}"
        raise OpError(f"there is no axis {dim}: {has}", attr=attr)
    return axis
