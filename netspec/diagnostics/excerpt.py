"""One line of a source, fit for a terminal: no control characters, no endless lines, carets under the right cells."""

from __future__ import annotations

import unicodedata

from netspec.diagnostics.span import Span

WINDOW = 100
BEFORE = 40
TAB = "    "


def escape(text: str) -> str:
    r"""The text with everything that could move or hide others on a terminal written out.

    Control characters, bidirectional marks, zero-width and private characters, lone surrogates and blanks other than
    the ASCII one become Python's escapes: `\\x1b`, `\\u202e`, `\\xa0`.
    """
    return text if text.isprintable() else "".join(map(_cell, text))


def width(text: str) -> int:
    """Cells that a printable text takes on a terminal (Unicode Annex 11; combining marks take none)."""
    return len(text) if text.isascii() else sum(map(_cells, text))


def excerpt(span: Span) -> tuple[str, str]:
    """The first line of a span, windowed where it is long, and the carets that go below it."""
    number, column = span.source.position(span.start)
    line = span.source.line(number)
    first = column - 1
    last = min(first + span.end - span.start, len(line))
    left = 0 if last < WINDOW else max(0, min(first - BEFORE, len(line) - WINDOW))
    right = left + WINDOW
    text = _visible(line[left:right])
    head, tail = "…" if left else "", "…" if right < len(line) else ""
    indent = width(head + _visible(line[left:first]))
    marked = width(_visible(line[first : min(last, right)]))
    return head + text + tail, " " * indent + "^" * max(1, marked)


def _visible(text: str) -> str:
    return "".join(TAB if char == "\t" else _cell(char) for char in text)


def _cell(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode("ascii")


def _cells(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1
