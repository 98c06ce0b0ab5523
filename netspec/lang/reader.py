"""YAML text -> spanned tree, in one pass over the event stream.

PyYAML's `compose` builds a tree before anything can refuse it: 60 kB of brackets end the process with a signal, 324
bytes of aliases expand to 9^9 nodes. Here each event passes the guard (size, depth, alias budget, scalar size, tags,
merge keys) before its node is made, so no text can make a tree that is not allowed. Reading runs no code: no tag is
resolved.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import yaml

from netspec.diagnostics import Diagnostic, Source, Span, SpecError
from netspec.lang.events import HAS_LIBYAML, events, fail
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, shorten
from netspec.lang.scalars import ScalarError, resolve
from netspec.lang.unquoted import cut_key, cut_value


class _Anchored(NamedTuple):
    """What an anchor names, and what an alias to it costs."""

    node: Node
    nodes: int
    height: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets that a caller may raise and a spec may not (reliability.md A)."""

    size_bytes: int = 8 * 2**20 if HAS_LIBYAML else 256 * 2**10
    nodes: int = 1_000_000
    alias_nodes: int = 100_000
    depth: int = 64
    scalar_chars: int = 4096
    doc_chars: int = 65_536
    # On the meaning, counted by the compiler.
    graph_nodes: int = 200_000
    params: int = 2**36
    files: int = 64


def read(source: Source, limits: Limits = Limits()) -> Node:
    """Read one YAML document.

    Raises:
        SpecError: `yaml-syntax`, `yaml-limit`, `yaml-tag`, `yaml-merge`, `yaml-alias`, `duplicate-key`, `yaml-key`,
            `yaml-number`, `unquoted`; the first one only, since what follows a broken structure is not worth reporting.
    """
    # The character count bounds the bytes from below, so a huge text is refused before it is encoded.
    if len(source.text) > limits.size_bytes or len(source.text.encode("utf-8", "replace")) > limits.size_bytes:
        message = f"the file is larger than {limits.size_bytes:,} bytes"
        help = None if HAS_LIBYAML else "this PyYAML was built without libyaml; with it, 8 MiB can be read"
        # Only the head: counting the lines of a text that is far too large takes seconds.
        raise fail("yaml-limit", message, Span(Source(source.name, source.text[:200]), 0, 0), help=help)
    with collector_off():
        return _Builder(source, limits).document()


@contextmanager
def collector_off() -> Iterator[None]:
    """Trees of frozen nodes have no cycles; collecting while they grow costs as much as reading them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Builder:
    """Turns events into nodes; what is not allowed is refused at its event, before its node is made."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._anchors: dict[str, _Anchored | None] = {}
        self._count = 0
        self._alias_count = 0
        self._depth = 0
        self._deepest = 0
        self._events = events(source)

    def document(self) -> Node:
        event = next(self._events)
        while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise fail("yaml-syntax", "the file is empty", Span(self._source, 0, 0))
        root = self._node(event, "")
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise fail("yaml-syntax", "a second document starts here; a spec is one document", self._span(after))
        return root

    def _node(self, event: Any, key: str) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._guard(event)
        return self._make(event, key) if event.anchor is None else self._anchored(event, key)

    def _anchored(self, event: Any, key: str) -> Node:
        self._anchors[event.anchor] = None  # known, but still open: an alias inside refers to itself
        nodes, deepest = self._count, self._deepest
        self._deepest = self._depth
        node = self._make(event, key)
        self._anchors[event.anchor] = _Anchored(node, self._count - nodes + 1, self._deepest - self._depth)
        self._deepest = max(deepest, self._deepest)
        return node

    def _make(self, event: Any, key: str) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, key)
        self._depth += 1
        self._within_depth(self._depth, event)
        node = self._sequence(event) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(event)
        self._depth -= 1
        return node

    def _guard(self, event: Any) -> None:
        if event.tag is not None:
            raise fail("yaml-tag", "tags are not part of the language", self._span(event), help="a spec is plain data")
        self._count += 1
        self._within_nodes(event)

    def _within_depth(self, depth: int, event: Any) -> None:
        if depth > self._limits.depth:
            raise fail("yaml-limit", f"nested deeper than {self._limits.depth} levels", self._span(event))
        self._deepest = max(self._deepest, depth)

    def _within_nodes(self, event: Any) -> None:
        if self._count > self._limits.nodes:
            raise fail("yaml-limit", f"more than {self._limits.nodes:,} nodes", self._span(event))
        if self._alias_count > self._limits.alias_nodes:
            message = f"aliases repeat more than {self._limits.alias_nodes:,} nodes"
            raise fail("yaml-limit", message, self._span(event))

    def _alias(self, event: Any) -> Node:
        span = self._span(event)
        if event.anchor not in self._anchors:
            raise fail("yaml-alias", f"no anchor `&{shorten(event.anchor)}` stands before this alias", span)
        found = self._anchors[event.anchor]
        if found is None:
            raise fail("yaml-alias", f"the alias `*{shorten(event.anchor)}` refers to itself", span)
        self._count += found.nodes
        self._alias_count += found.nodes
        self._within_nodes(event)
        self._within_depth(self._depth + found.height, event)
        return replace(found.node, span=span)

    def _sequence(self, start: Any) -> Sequence:
        items: list[Node] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return Sequence(tuple(items), self._whole(start, event, items[-1] if items else None))
            item = self._node(event, "")
            if start.flow_style and isinstance(item, Scalar):
                _refuse(cut_value(item))
            items.append(item)
        raise AssertionError("the parser closes every list")

    def _mapping(self, start: Any) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        value: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                return Mapping(entries, self._whole(start, event, value))
            key = self._key(event, entries)
            value = self._value(key, start.flow_style)
            entries[key.text] = (key, value)
        raise AssertionError("the parser closes every mapping")

    def _key(self, event: Any, entries: dict[str, tuple[Scalar, Node]]) -> Scalar:
        key = self._node(event, "")
        if not isinstance(key, Scalar):
            raise fail("yaml-key", "a key must be a word, not a list or a mapping", key.span)
        if not key.text:
            raise fail("yaml-key", "a key is missing here", key.span)
        if key.text == "<<" and not key.quoted:
            raise fail("yaml-merge", "merge keys `<<` are not part of the language", key.span)
        if key.text in entries:
            first = entries[key.text][0].span
            diagnostic = Diagnostic(
                "duplicate-key",
                f"the key `{shorten(key.text)}` stands twice in this mapping",
                key.span,
                notes=(f"first at line {first.line}, column {first.column}",),
            )
            raise SpecError([diagnostic])
        return key

    def _value(self, key: Scalar, flow: bool) -> Node:
        event = next(self._events)
        value = self._node(event, key.text)
        if flow and isinstance(value, Scalar):
            _refuse(cut_key(key, value))
            _refuse(cut_value(value))
        return value

    def _scalar(self, event: Any, key: str) -> Scalar:
        text, span = event.value, self._span(event)
        limit = self._limits.doc_chars if key == "doc" else self._limits.scalar_chars
        if len(text) > limit:
            raise fail("yaml-limit", f"a text of {len(text):,} characters; the limit is {limit:,}", span)
        # The C parser gives '' as the style of a plain scalar, the pure one None.
        if event.style:
            return Scalar(text, text, span, quoted=True)
        try:
            return Scalar(resolve(text), text, span)
        except ScalarError as error:
            raise fail("yaml-number", f"{error}: {shorten(text)}", span) from None

    def _span(self, event: Any) -> Span:
        return Span(self._source, event.start_mark.index, event.end_mark.index)

    def _whole(self, start: Any, end: Any, last: Node | None) -> Span:
        first = start.start_mark.index
        # A block ends for YAML where the next thing begins, lines and comments later: for people, after its last item.
        stop = end.end_mark.index if start.flow_style or last is None else last.span.end
        return Span(self._source, first, max(first, stop))


def _refuse(diagnostic: Diagnostic | None) -> None:
    if diagnostic is not None:
        raise SpecError([diagnostic])
