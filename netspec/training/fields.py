"""The fields of a spec by their paths, so that two versions of it can be compared field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePath

from netspec.compiler.spec import Spec
from netspec.diagnostics import Source
from netspec.lang.nodes import Mapping as MappingNode
from netspec.lang.nodes import Node, Scalar
from netspec.lang.nodes import Sequence as SequenceNode
from netspec.lang.reader import read

Fields = Mapping[str, str]
#: What a field is in a spec that does not have it.
ABSENT = "absent"


def fields(spec: Spec) -> dict[str, str]:
    """Every value of a spec as it is after `--set` and `extends`, and of the specs that it names: path -> text."""
    found = dict(_walk(spec.document.root, ""))
    for path, text in sorted(spec.others.texts.items()):
        name = PurePath(path).name
        found |= {f"{name}: {key}": value for key, value in _walk(read(Source(path, text)), "")}
    return found


def differences(before: Fields, after: Fields) -> dict[str, tuple[str, str]]:
    """The fields that differ, each with what it was and what it is."""
    names = [*before, *(name for name in after if name not in before)]
    pairs = {name: (before.get(name, ABSENT), after.get(name, ABSENT)) for name in names}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _walk(node: Node, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(node, Scalar):
        yield path, f"'{node.text}'" if node.quoted else node.text
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node):
            yield from _walk(item, f"{path}[{index}]")
    elif isinstance(node, MappingNode):
        for key, value in node:
            yield from _walk(value, f"{path}.{key.text}" if path else key.text)
    if not isinstance(node, Scalar) and not len(node):
        yield path, "{}" if isinstance(node, MappingNode) else "[]"
