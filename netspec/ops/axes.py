"""The numbers of axes, as in PyTorch: 0 is the batch, so the axes of a sample are 1, 2, ... and -1 is the last.

A symbol's word names the one axis whose size depends on it.
"""

from netspec.ir import Sizes, symbols_of
from netspec.ops.base import OpError

Dims = int | str | tuple[int | str, ...] | None


def resolve_axis(attr: str, dim: int | str, shape: Sizes | int) -> int:
    """The axis that `dim` names, from 1 to the number of a sample's axes.

    Args:
        attr: The attribute, for messages.
        dim: A number, or the name of a symbol.
        shape: The sample's shape; the number of its axes where they have no sizes yet (the place of a new axis), and
            words are refused.

    Raises:
        OpError: there is no such axis, or it is the batch; no axis depends on the symbol, or several do.
    """
    if isinstance(dim, str):
        return _named_axis(attr, dim, shape)
    rank = shape if isinstance(shape, int) else len(shape)
    axis = dim if dim >= 0 else dim + rank + 1
    if axis == 0:
        raise OpError(
            f"{attr} {dim} is the batch, which no layer may touch", attr=attr, help="a sample's axes count from 1"
        )
    if not 1 <= axis <= rank:
        has = "the input is one number a sample" if rank == 0 else f"a sample's axes are 1 to {rank}"
        raise OpError(f"there is no axis {dim}: {has}", attr=attr)
    return axis


def torch_axis(dim: int | str, axis: int) -> int:
    """The axis as PyTorch's code writes it: the number that the file gives, the axis that a word names."""
    return axis if isinstance(dim, str) else dim


def torch_axes(dims: int | str | tuple[int | str, ...], shape: Sizes) -> int | tuple[int, ...]:
    """Axes as PyTorch's code writes them, one number or several as in the file."""
    if not isinstance(dims, tuple):
        return torch_axis(dims, resolve_axis("dim", dims, shape))
    return tuple(torch_axis(dim, resolve_axis("dim", dim, shape)) for dim in dims)


def resolve_axes(attr: str, dims: Dims, shape: Sizes | int) -> tuple[int, ...]:
    """The axes that one number, several, or none (which means all) name, in order.

    Raises:
        OpError: one is not there, or is named twice; or none is named and a sample has no axis.
    """
    if dims is None:
        rank = shape if isinstance(shape, int) else len(shape)
        if rank == 0:
            raise OpError("there is no axis: the input is one number a sample")
        return tuple(range(1, rank + 1))
    named = dims if isinstance(dims, tuple) else (dims,)
    axes = sorted(resolve_axis(attr, dim, shape) for dim in named)
    if len(set(axes)) < len(axes):
        raise OpError(f"{attr} {list(named)} names an axis twice", attr=attr)
    return tuple(axes)


def _named_axis(attr: str, word: str, shape: Sizes | int) -> int:
    if isinstance(shape, int):
        raise OpError(f"{attr} `{word}` names a symbol; the place of a new axis is a number", attr=attr)
    axes = [axis for axis, size in enumerate(shape, start=1) if word in {each.name for each in symbols_of(size)}]
    if len(axes) != 1:
        which = f"axes {' and '.join(map(str, axes))}" if axes else "no axis"
        help = "name the axis by its number" if axes else None
        raise OpError(f"{attr} `{word}`: {which} of {list(shape)} depend{'s' * (not axes)} on it", attr=attr, help=help)
    return axes[0]
