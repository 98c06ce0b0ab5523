"""What the jsonschema package says of a spec by our schema: whether it is valid, and which lines are at fault."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema

from netspec.compiler.schema import json_schema
from netspec.diagnostics import Source
from netspec.lang.nodes import Mapping, Node, Sequence, plain
from netspec.lang.reader import read

VALIDATOR = jsonschema.Draft7Validator(json_schema())

SPEC = "{{netspec: 1, inputs: {{x: [1, 28, 28]}}, layers: [{layer}]}}"
WITH_BLOCK = "{{netspec: 1, inputs: {{x: [1, 28, 28]}}, blocks: {{twice: {{layers: [relu]}}}}, layers: [{layer}]}}"


def tree(text: str) -> Any:
    return plain(read(Source("a.yaml", text)))


def is_valid(text: str) -> bool:
    return VALIDATOR.is_valid(tree(text))


def lines_at_fault(text: str) -> set[int]:
    """The lines that an editor would underline: those of the deepest errors of each error."""
    root = read(Source("a.yaml", text))
    return {line for error in VALIDATOR.iter_errors(plain(root)) for line in _lines(root, error)}


def _lines(root: Node, error: jsonschema.ValidationError) -> Iterator[int]:
    deepest = jsonschema.exceptions.best_match([error])
    node = root
    for step in deepest.absolute_path:
        node = _below(node, step)
    if isinstance(node, Mapping) and isinstance(deepest.instance, str):  # a key that `propertyNames` refuses
        yield node.key(deepest.instance).span.line
    elif isinstance(node, Mapping) and deepest.validator == "additionalProperties":
        yield from (key.span.line for key, _ in node if key.text not in deepest.schema["properties"])
    else:
        yield node.span.line


def _below(node: Node, step: str | int) -> Node:
    if isinstance(node, Sequence):
        return node.items[int(step)]
    assert isinstance(node, Mapping)
    return next(value for key, value in node if key.text == str(step))
