"""Closed tables of classes by their names: who asks for one imports one module, not all.

Classes are made by the hundred, and each costs half a millisecond; a check needs a handful.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

T = TypeVar("T")

# `name = "relu"`, also first among several: `name, main = "sum", "output"`. From the line break before it, which texts
# are searched for faster than for the beginning of a line.
_NAMED = re.compile(r'\n    name(?:, \w+)* = "(\w+)"')


class Families(Mapping[str, type[T]]):
    """The classes of some modules that derive from `base` and have a `name`.

    Args:
        package: The package in which the modules stand.
        modules: Their names; the table is in their order, and in that of the text.
        base: What the classes derive from; those without a name are bases of their family.
    """

    def __init__(self, package: str, modules: tuple[str, ...], base: Any) -> None:
        self._package = package
        self._modules = modules
        self._base = base
        self._imported: dict[str, dict[str, type[T]]] = {}

    def __getitem__(self, name: str) -> type[T]:
        return self.of(self.homes[name])[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.homes)

    def __len__(self) -> int:
        return len(self.homes)

    def of(self, module: str) -> dict[str, type[T]]:
        """The classes of one of the modules, by name."""
        if module not in self._imported:
            self._imported[module] = self._classes(module)
        return self._imported[module]

    @cached_property
    def homes(self) -> dict[str, str]:
        """The module of each class: read off the texts, not imported."""
        package = import_module(self._package).__file__
        assert package is not None
        found: dict[str, str] = {}
        for module in self._modules:
            for name in _NAMED.findall(Path(package).with_name(f"{module}.py").read_text("utf-8")):
                if name in found:
                    raise RuntimeError(f"two classes of {self._package} are called {name}")
                found[name] = module
        return found

    def module(self, name: str) -> ModuleType:
        """One of the modules."""
        return import_module(f"{self._package}.{name}")

    def _classes(self, module: str) -> dict[str, type[T]]:
        found = self.module(module)
        members = (each for each in vars(found).values() if isinstance(each, type) and issubclass(each, self._base))
        own = (each for each in members if each.__module__ == found.__name__ and hasattr(each, "name"))
        return {each.name: each for each in own}
