"""Sections that other floors read (`train`, `export`, `preprocess`), with their expressions evaluated."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import replace

from netspec.diagnostics import Report, Span
from netspec.lang.bind import Names, has_failed, value_of
from netspec.lang.document import Document, InputDecl
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence


def with_values(document: Document, names: Names, inherited: MappingOf[str, Node], report: Report) -> Document:
    """The document whose sections hold plain values; an input without steps gets those it inherits."""
    inputs = {name: _input(decl, names, inherited.get(name), report) for name, decl in document.inputs.items()}
    train = None if document.train is None else with_expressions(document.train, names, report)
    export = None if document.export is None else with_expressions(document.export, names, report)
    assert train is None or isinstance(train, Mapping)
    assert export is None or isinstance(export, Mapping)
    return replace(document, inputs=inputs, train=train, export=export)


def _input(decl: InputDecl | None, names: Names, inherited: Node | None, report: Report) -> InputDecl | None:
    if decl is None:
        return None
    own = decl.preprocess
    return replace(decl, preprocess=inherited if own is None else with_expressions(own, names, report))


def with_expressions(node: Node, names: Names, report: Report) -> Node:
    """The tree with every `=` expression replaced by its value, at the same place."""
    if isinstance(node, Scalar):
        if not (isinstance(node.value, str) and node.value.startswith("=")):
            return node
        value = value_of(node, report, names)
        return node if has_failed(value) else _written(value, node.span)
    if isinstance(node, Sequence):
        return replace(node, items=tuple(with_expressions(item, names, report) for item in node))
    entries = {key: (word, with_expressions(value, names, report)) for key, (word, value) in node.entries.items()}
    return replace(node, entries=entries)


def _written(value: object, span: Span) -> Node:
    """A value as a tree."""
    if isinstance(value, list):
        return Sequence(tuple(_written(item, span) for item in value), span)
    if isinstance(value, dict):
        pairs = {str(key): (Scalar(str(key), str(key), span), _written(item, span)) for key, item in value.items()}
        return Mapping(pairs, span)
    assert value is None or isinstance(value, bool | int | float | str)
    words = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else str(value)
    return Scalar(value, text, span)
