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


def resolve_axes(attr: str, dims: int | tuple[int, ...] | None, rank: int) -> tuple[int, ...]:
    """The axes that one number, several, or none (which means all) name, in order.

    Raises:
        OpError: one is not there, or is named twice; or none is named and a sample has no axis.
    """
    if dims is None:
        if rank == 0:
            raise OpError("there is no axis: the input is one number a sample")
        return tuple(range(1, rank + 1))
    named = dims if isinstance(dims, tuple) else (dims,)
    axes = sorted(resolve_axis(attr, dim, rank) for dim in named)
    if len(set(axes)) < len(axes):
        raise OpError(f"{attr} {list(named)} names an axis twice", attr=attr)
    return tuple(axes)
