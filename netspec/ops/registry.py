"""The ops by name. Other packages add theirs through the entry-point group `netspec.ops`; a spec never names Python."""

from functools import cache

from netspec.lang.families import Families
from netspec.ops.base import Op

# The family files.
FAMILIES = (
    "linear", "conv", "pool", "activation", "shape", "norm", "combine", "regularize", "pool_adaptive",
    "activation_axis", "activation_parametric", "norm_axis", "state", "cut", "arrange",
    "shuffle", "reduce", "elementwise", "embedding", "matrix", "attention", "window_attention", "upsample", "calc",
    "local", "recurrent", "random", "lengths",
)  # fmt: skip

#: Every op that netspec ships, by name.
OPS: Families[Op] = Families("netspec.ops", FAMILIES, Op)


@cache
def ops() -> dict[str, type[Op]]:
    """Every op that netspec ships, by name; all are imported."""
    return dict(OPS)


def lookup(name: str) -> type[Op] | None:
    """The op of that name; installed packages are asked only when netspec itself does not have it."""
    return OPS[name] if is_shipped(name) else _installed().get(name)


def is_shipped(name: str) -> bool:
    """Whether netspec has an op of that name; a block of a file goes before one that a package brings."""
    return name in OPS.homes


def known_ops() -> dict[str, type[Op]]:
    """Every op that a spec may use here: those that netspec ships, and those of installed packages."""
    return ops() | _installed()


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
