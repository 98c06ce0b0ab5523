"""What a plan does, as plain data: two plans with the same meaning train the same function in the same way.

Where something stands in a file, and how a value was written, have no part in it.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from netspec.diagnostics import Span
from netspec.ir import Dim, Graph, Value
from netspec.ir.text import text


def digest(value: object) -> str:
    """A short name for a meaning."""
    return hashlib.sha256(json.dumps(plain(value), sort_keys=True).encode()).hexdigest()[:16]


def plain(value: Any) -> Any:
    """Lists, mappings, texts and numbers only; a graph is its text but for its name, a value of it its name."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Graph):
        return text(dataclasses.replace(value, name=""))
    if isinstance(value, Value):
        return value.name
    if isinstance(value, Dim):
        return str(value)
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, BaseModel):
        return [type(value).__name__, {name: plain(getattr(value, name)) for name in type(value).model_fields}]
    if dataclasses.is_dataclass(value):
        return [type(value).__name__, _fields(value)]
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value))
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    raise TypeError(f"{type(value).__name__} has no plain form")


def _fields(value: Any) -> dict[str, Any]:
    found = {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    return {name: plain(each) for name, each in found.items() if not isinstance(each, Span)}
