"""Python identifiers for what a spec names: classes, variables, parameters of constructors, submodules."""

from __future__ import annotations

import keyword
import re

# Names that the emitted file itself uses.
TAKEN = frozenset(
    {"self", "super", "torch", "nn", "F", "getattr", "range", "isinstance", "module", "name", "mode", "zip", "reversed"}
)


def class_name(name: str) -> str:
    """`mnist_convnet` -> `MnistConvnet`; always an identifier that begins with a capital."""
    words = re.findall(r"[A-Za-z0-9]+", name)
    joined = "".join(word[:1].upper() + word[1:] for word in words)
    if not joined or not joined[0].isalpha():
        joined = f"Net{joined}"
    return f"{joined}Net" if keyword.iskeyword(joined) or joined in TAKEN else joined


def variable_name(name: str) -> str:
    """`conv1` -> `conv1`, `3` -> `x3`; always an identifier that hides nothing."""
    cleaned = re.sub(r"[^A-Za-z0-9_]", "_", name)
    if not cleaned or not cleaned[0].isalpha():
        cleaned = f"x{cleaned}"
    return f"{cleaned}_" if keyword.iskeyword(cleaned) or cleaned in TAKEN else cleaned


def parameter_name(name: str) -> str:
    """As `variable_name`, and never a class's."""
    found = variable_name(name)
    return variable_name(found.lower()) if found[0].isupper() else found


def is_attribute(name: str) -> bool:
    """Whether a submodule of this name can be written as `self.name`. Python changes `self.__name` in a class."""
    return name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")


def unique(name: str, taken: set[str], separator: str = "_") -> str:
    """`name`, or `name_2`, `name_3`...; the result is added to `taken`."""
    found, number = name, 1
    while found in taken:
        number += 1
        found = f"{name}{separator}{number}"
    taken.add(found)
    return found
