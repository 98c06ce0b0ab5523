"""The ops by name. Other packages add theirs through the entry-point group `netspec.ops`; a spec never names Python."""

import re
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from netspec.ops.base import Op

# The family files. One is imported when an op of it is used: the classes of all cost as much as the rest of a check.
FAMILIES = (
    "linear", "conv", "pool", "activation", "shape", "norm", "combine", "regularize", "pool_adaptive",
    "activation_axis", "activation_parametric", "norm_axis", "state", "cut", "arrange",
    "shuffle", "reduce", "elementwise", "embedding", "matrix", "attention", "upsample", "calc", "local", "recurrent",
    "random", "lengths",
)  # fmt: skip

_NAMED = re.compile(r'^    name = "(\w+)"', re.MULTILINE)


def family(name: str) -> ModuleType:
    """The module of a family; only names of the table above come here."""
    return import_module(f"netspec.ops.{name}")


@cache
def ops_of(name: str) -> dict[str, type[Op]]:
    """The ops of a family, by name; what has no name is a base of its family."""
    module = family(name)
    members = [member for member in vars(module).values() if isinstance(member, type) and issubclass(member, Op)]
    own = [member for member in members if member.__module__ == module.__name__ and hasattr(member, "name")]
    return {member.name: member for member in own}


@cache
def ops() -> dict[str, type[Op]]:
    """Every op that netspec ships, by name."""
    found: dict[str, type[Op]] = {}
    for name in FAMILIES:
        clash = found.keys() & ops_of(name).keys()
        if clash:
            raise RuntimeError(f"two ops are called {clash.pop()}")
        found |= ops_of(name)
    return found


def lookup(name: str) -> type[Op] | None:
    """The op of that name; installed packages are asked only when netspec itself does not have it."""
    home = _homes().get(name)
    return _installed().get(name) if home is None else ops_of(home)[name]


def is_shipped(name: str) -> bool:
    """Whether netspec has an op of that name; a block of a file goes before one that a package brings."""
    return name in _homes()


@cache
def _homes() -> dict[str, str]:
    """The family of each op, by the `name = "..."` of its class: read, not imported."""
    found: dict[str, str] = {}
    for each in FAMILIES:
        found |= dict.fromkeys(_NAMED.findall(_source(each)), each)
    return found


def _source(name: str) -> str:
    return Path(__file__).with_name(f"{name}.py").read_text("utf-8")


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
