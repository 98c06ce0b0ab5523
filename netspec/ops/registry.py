"""The ops by name. Other packages add theirs through the entry-point group `netspec.ops`; a spec never names Python."""

from __future__ import annotations

from functools import cache

from netspec.ops import (
    activation,
    activation_axis,
    activation_parametric,
    combine,
    conv,
    linear,
    norm,
    pool,
    pool_adaptive,
    regularize,
    shape,
)
from netspec.ops.base import Op

FAMILIES = (
    linear, conv, pool, pool_adaptive, norm, activation, activation_parametric, activation_axis,
    regularize, combine, shape,
)  # fmt: skip


@cache
def ops() -> dict[str, type[Op]]:
    """Every op that netspec ships, by name."""
    found: dict[str, type[Op]] = {}
    for family in FAMILIES:
        for member in vars(family).values():
            if isinstance(member, type) and issubclass(member, Op) and member.__module__ == family.__name__:
                if not hasattr(member, "name"):
                    continue  # a base of its family
                if member.name in found:
                    raise RuntimeError(f"two ops are called {member.name}")
                found[member.name] = member
    return found


def lookup(name: str) -> type[Op] | None:
    """The op of that name; installed packages are asked only when netspec itself does not have it."""
    return ops().get(name) or _installed().get(name)


@cache
def _installed() -> dict[str, type[Op]]:
    from importlib.metadata import entry_points

    found: dict[str, type[Op]] = {}
    for entry in entry_points(group="netspec.ops"):
        op = entry.load()
        if op.name in ops() or op.name in found:
            raise RuntimeError(f"the op {op.name} of {entry.value} is there already")
        found[op.name] = op
    return found
