"""Values and trees -> YAML that this language reads back as they were."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netspec.lang.nodes import Mapping as MappingNode
from netspec.lang.nodes import Node, Scalar
from netspec.lang.nodes import Sequence as SequenceNode
from netspec.lang.scalars import ScalarError, resolve

# What needs no quotes anywhere, inside { } and [ ] too.
_PLAIN = re.compile(r"=?[A-Za-z0-9_](?:[A-Za-z0-9_./+*()=<>-]| (?=[A-Za-z0-9_+*(/<>=-]))*", re.ASCII)
# Longer mappings and lists stand on lines of their own.
WIDTH = 100


class Word(str):
    """A text that stands for itself and never for a number, null or truth value: a key, a name, a reference."""


def flow(value: Any) -> str:
    """A value on one line: `{out_channels: 20, kernel_size: [5, 3]}`."""
    if isinstance(value, Node):
        return _node(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(_entry(key, item) for key, item in value.items()) + "}"
    if isinstance(value, str):
        return _word(value) if isinstance(value, Word) else _text(value)
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(flow, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value)


def block(key: str, value: Any, indent: str = "") -> Iterator[str]:
    """The lines of a key with its value; what is too long for one line goes on below, moved in."""
    line = f"{indent}{_word(key)}: {flow(value)}"
    items = _items(value)
    if len(line) <= WIDTH or items is None:
        yield line
    elif isinstance(items, Mapping):
        yield f"{indent}{_word(key)}:"
        for inner, item in items.items():
            yield from block(inner, item, indent + "  ")
    else:
        yield f"{indent}{_word(key)}:"
        yield from (f"{indent}  - {flow(item)}" for item in items)


def _items(value: Any) -> Mapping[str, Any] | Sequence[Any] | None:
    """What a value is made of, where it has parts."""
    if isinstance(value, MappingNode):
        return {key: item for key, (_, item) in value.entries.items()}
    if isinstance(value, SequenceNode):
        return value.items
    return value if isinstance(value, Mapping | Sequence) and value and not isinstance(value, str) else None


def _entry(key: str, value: Any) -> str:
    """A null is left out, as people write it: `{name: bn1, batch_norm}`."""
    return _word(key) if value is None else f"{_word(key)}: {flow(value)}"


def _node(node: Node) -> str:
    """A tree as written, without its comments and line breaks."""
    if isinstance(node, Scalar):
        return _text(node.value) if isinstance(node.value, str) else node.text or "null"
    if isinstance(node, MappingNode):
        return "{" + ", ".join(f"{_word(key)}: {_node(item)}" for key, (_, item) in node.entries.items()) + "}"
    return "[" + ", ".join(map(_node, node.items)) + "]"


def _text(text: str) -> str:
    """A text, quoted where it would otherwise be read as something else."""
    try:
        same = resolve(text) == text
    except ScalarError:
        same = False
    return text if same and _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _word(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)
