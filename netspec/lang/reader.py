"""YAML text -> spanned tree, in one pass over the event stream.

PyYAML's `compose` builds a tree before anything can refuse it: 60 kB of brackets end the process with a signal, 324 bytes of
aliases expand to 9^9 nodes. Here each event passes the guard (size, depth, alias budget, scalar size, tags, merge keys) before
its node is made, so no text can make a tree that is not allowed. Reading runs no code: no tag is resolved.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import yaml

from netspec.diagnostics import Diagnostic, Source, Span, SpecError
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, shorten
from netspec.lang.scalars import ScalarError, resolve

# libyaml where PyYAML was built with it; the pure loader gives the same events, ten times slower.
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets that a caller may raise and a spec may not (reliability.md A)."""

    size_bytes: int = 8 * 2**20
    nodes: int = 1_000_000
    alias_nodes: int = 100_000
    depth: int = 64
    scalar_chars: int = 4096
    doc_chars: int = 65_536


def read(source: Source, limits: Limits = Limits()) -> Node:
    """Read one YAML document.

    Raises:
        SpecError: `yaml-syntax`, `yaml-limit`, `yaml-tag`, `yaml-merge`, `yaml-alias`, `duplicate-key`, `yaml-key`,
            `yaml-number`, `unquoted`; the first one only, since what follows a broken structure is not worth reporting.
    """
    # The character count bounds the bytes from below, so a huge text is refused before it is encoded.
    if len(source.text) > limits.size_bytes or len(source.text.encode("utf-8", "replace")) > limits.size_bytes:
        message = f"the file is larger than {limits.size_bytes:,} bytes"
        raise _fail("yaml-limit", message, Span(source, 0, 0), help="raise the limit with --max-bytes if this is meant")
    with _collector_off():
        return _Builder(source, limits).document()


@contextmanager
def _collector_off() -> Iterator[None]:
    """Trees of frozen nodes have no cycles; collecting while they grow costs as much as reading them."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Builder:
    """Turns events into nodes. `_next` is the guard: every event passes it first."""

    def __init__(self, source: Source, limits: Limits) -> None:
        self._source = source
        self._limits = limits
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._count = 0
        self._alias_count = 0
        self._depth = 0
        self._flow = 0
        self._events = self._parse()

    def _parse(self) -> Iterator[Any]:
        try:
            yield from yaml.parse(self._source.text, Loader=LOADER)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise _fail("yaml-syntax", _problem(error), self._at(mark.index if mark else 0)) from None
        except yaml.YAMLError as error:  # the reader's own errors: characters that YAML does not allow
            position = getattr(error, "position", 0)
            raise _fail("yaml-syntax", _problem(error), self._at(_offset(self._source.text, position))) from None
        except (UnicodeError, RecursionError, ValueError) as error:
            raise _fail("yaml-syntax", f"not readable as YAML: {type(error).__name__}", self._at(0)) from None

    def document(self) -> Node:
        event = next(self._events)
        while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
            event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            raise _fail("yaml-syntax", "the file is empty", self._at(0))
        root = self._node(event, "")
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise _fail("yaml-syntax", "a second document starts here; a spec is one document", self._span(after))
        return root

    def _node(self, event: Any, key: str) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._guard(event)
        before = self._count
        if event.anchor is not None:
            self._anchors[event.anchor] = None  # known, but still open: an alias inside refers to itself
        node = self._make(event, key)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._count - before + 1)
        return node

    def _make(self, event: Any, key: str) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, key)
        self._depth += 1
        self._flow += bool(event.flow_style)
        if self._depth > self._limits.depth:
            raise _fail("yaml-limit", f"nested deeper than {self._limits.depth} levels", self._span(event))
        node = self._sequence(event) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(event)
        self._flow -= bool(event.flow_style)
        self._depth -= 1
        return node

    def _guard(self, event: Any) -> None:
        if event.tag is not None:
            raise _fail("yaml-tag", "tags are not part of the language", self._span(event), help="a spec is plain data")
        self._count += 1
        self._within_nodes(event)

    def _within_nodes(self, event: Any) -> None:
        if self._count > self._limits.nodes:
            raise _fail("yaml-limit", f"more than {self._limits.nodes:,} nodes", self._span(event))
        if self._alias_count > self._limits.alias_nodes:
            message = f"aliases repeat more than {self._limits.alias_nodes:,} nodes"
            raise _fail("yaml-limit", message, self._span(event))

    def _alias(self, event: Any) -> Node:
        span = self._span(event)
        if event.anchor not in self._anchors:
            raise _fail("yaml-alias", f"no anchor `&{shorten(event.anchor)}` stands before this alias", span)
        found = self._anchors[event.anchor]
        if found is None:
            raise _fail("yaml-alias", f"the alias `*{shorten(event.anchor)}` refers to itself", span)
        node, size = found
        self._count += size
        self._alias_count += size
        self._within_nodes(event)
        return replace(node, span=span)

    def _sequence(self, start: Any) -> Sequence:
        items: list[Node] = []
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return Sequence(tuple(items), self._span(start, event))
            items.append(self._node(event, ""))
        raise AssertionError("the parser closes every list")

    def _mapping(self, start: Any) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                return Mapping(entries, self._span(start, event))
            key = self._key(event, entries)
            entries[key.text] = (key, self._value(key, start.flow_style))
        raise AssertionError("the parser closes every mapping")

    def _key(self, event: Any, entries: dict[str, tuple[Scalar, Node]]) -> Scalar:
        key = self._node(event, "")
        if not isinstance(key, Scalar):
            raise _fail("yaml-key", "a key must be a word, not a list or a mapping", key.span)
        if key.text == "<<" and not key.quoted:
            raise _fail("yaml-merge", "merge keys `<<` are not part of the language", key.span)
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
            self._check_cut(key, value)
        return value

    def _check_cut(self, key: Scalar, value: Scalar) -> None:
        """Inside { } YAML cuts unquoted values silently at `,` and keeps `a:b` as one key."""
        if value.value is None and not key.quoted and ":" in key.text and not key.text.startswith("="):
            name, _, rest = key.text.partition(":")
            help = f"write `{name}: {rest}` with a blank after the colon"
            raise _fail("unquoted", f"`{shorten(key.text)}` is one key without a value", key.span, help=help)
        if not value.quoted and value.text.startswith("=") and value.text.count("(") != value.text.count(")"):
            message = f"the expression `{shorten(value.text)}` is cut here: inside {{ }} a comma ends a value"
            raise _fail("unquoted", message, value.span, help=f'quote it whole: {key.text}: "{value.text}, ..."')

    def _scalar(self, event: Any, key: str) -> Scalar:
        text, span = event.value, self._span(event)
        limit = self._limits.doc_chars if key == "doc" else self._limits.scalar_chars
        if len(text) > limit:
            raise _fail("yaml-limit", f"a text of {len(text):,} characters; the limit is {limit:,}", span)
        # The C parser gives '' as the style of a plain scalar, the pure one None.
        if event.style:
            return Scalar(text, text, span, quoted=True)
        try:
            return Scalar(resolve(text), text, span)
        except ScalarError as error:
            raise _fail("yaml-number", f"{error}: {shorten(text)}", span) from None

    def _span(self, start: Any, end: Any = None) -> Span:
        first = start.start_mark.index
        return Span(self._source, first, max(first, (end or start).end_mark.index))

    def _at(self, offset: int) -> Span:
        return Span(self._source, offset, offset)


def _fail(code: str, message: str, span: Span, help: str | None = None) -> SpecError:
    return SpecError([Diagnostic(code, message, span, help=help)])


def _problem(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not readable as YAML"
    context = getattr(error, "context", None)
    return f"{problem} {context}" if context else str(problem)


def _offset(text: str, byte_or_char: int) -> int:
    return min(byte_or_char, max(len(text) - 1, 0))
