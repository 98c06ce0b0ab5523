"""Calls that give several values: `output, (h_n, c_n) = self.lstm(x)`."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any

from netspec.backends.torch.expressions import Expression, Owned


def flat_names(parts: tuple[Any, ...]) -> list[str]:
    """The names of what a call gives, in order."""
    return [name for part in parts for name in (flat_names(part) if isinstance(part, tuple) else [part])]


def outputs_of(own: Owned, names: Mapping[str, str]) -> list[ast.expr]:
    """A node's outputs, from what its module's call gives under these names."""
    assert own.outputs is not None
    found = own.outputs(*(Expression(ast.Name(names.get(part, "_"))) for part in flat_names(own.parts)))
    return [each.tree for each in found]


def pattern(parts: tuple[Any, ...], names: Mapping[str, str]) -> ast.expr:
    """The left side of an assignment; `_` stands for what nobody reads."""
    if not any(name in names for name in flat_names(parts)):
        return ast.Name("_")
    trees = [pattern(each, names) if isinstance(each, tuple) else ast.Name(names.get(each, "_")) for each in parts]
    return ast.Tuple(trees)
