"""Other names and other element types for tensors that go into a new file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from netspec.diagnostics.suggest import did_you_mean
from netspec.weights.rename import RenameError, Rule, rename
from netspec.weights.safetensors_file import DTYPES, NAMES
from netspec.weights.stored import Array, Stored, is_floating, refuse


def renamed(tensors: Mapping[str, Stored], texts: Iterable[str], file: str) -> dict[str, Stored]:
    """The tensors under new names, given as `OLD=NEW`.

    Raises:
        ModelError: `weights`: a rule that cannot be read or applies to nothing, or two tensors of one new name.
    """
    rules = [_rule(text, file) for text in texts]
    names = {key: rename(key, rules) for key in tensors}
    applied = {rule for _, rule in names.values()}
    for rule in rules:
        if rule not in applied:
            raise refuse(file, f"the prefix `{rule.old}` applies to no name", help=did_you_mean(rule.old, tensors))
    found: dict[str, Stored] = {}
    for key, (name, _) in names.items():
        if name in found or not name:
            other = f"`{key}` and `{found[name].key}` both become `{name}`" if name else f"`{key}` loses its name"
            raise refuse(file, other)
        found[name] = tensors[key]
    return found


def cast(tensors: Mapping[str, Stored], dtype: str) -> dict[str, Stored]:
    """The tensors with all floats as `dtype`; other elements stay as they are."""
    return {key: _cast(stored, dtype) for key, stored in tensors.items()}


def _cast(stored: Stored, dtype: str) -> Stored:
    target = DTYPES[NAMES[dtype]]
    if not is_floating(DTYPES[NAMES[stored.dtype]]):
        return stored

    def read() -> Array:
        with np.errstate(over="ignore"):  # what overflows is refused when it is loaded
            return stored.read().astype(target)

    return replace(stored, dtype=dtype, read=read)


def _rule(text: str, file: str) -> Rule:
    old, equals, new = text.partition("=")
    try:
        if not equals:
            raise RenameError(f"{text!r} is not OLD=NEW")
        return Rule(old, new)
    except RenameError as error:
        raise refuse(file, f"--rename: {error}") from None
