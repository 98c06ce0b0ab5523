"""Values that need quotes and lack them (language.md section 2).

Inside `{ }` and `[ ]` YAML ends an unquoted value at `, [ ] { }` and `: `. What is left is another tree, silently, or a
syntax error that speaks of commas. Here both are told apart, with the quoted form to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from netspec.diagnostics import Diagnostic, Source, Span
from netspec.lang.nodes import Scalar, shorten

# An expression that begins a value: after `: `, `- `, `, ` or an opening bracket.
_EXPRESSION = re.compile(r"(?:^|[:\-,]\s+|[\[{,]\s*)(=[^\n\"#]*)$")
_LINE_END = re.compile("[\r\n\x85\u2028\u2029]|\\Z")
# How far before a syntax error its expression may begin.
_REACH = 1024


def cut_key(key: Scalar, value: Scalar) -> Diagnostic | None:
    """`{linear:10}` is one key without a value."""
    name, colon, rest = key.text.partition(":")
    if value.value is not None or value.quoted or key.quoted or not colon or not name or not rest:
        return None
    message = f"`{shorten(key.text)}` is one key without a value"
    return Diagnostic("unquoted", message, key.span, help=f"write `{name}: {rest}`, with a blank after the colon")


def cut_value(value: Scalar) -> Diagnostic | None:
    """`{p: =min(a, b)}` ends the value at the comma."""
    text = value.text
    if value.quoted or not text.startswith("=") or not _is_open(text):
        return None
    return _quote(Span(value.span.source, value.span.start, _end(value.span)))


def broken_value(source: Source, offset: int) -> Diagnostic | None:
    """`{x: =a[0]}` is a syntax error at the bracket: whether an unquoted expression stands at the place of an error."""
    line = source.text[max(0, offset - _REACH) : offset].rpartition("\n")[2]
    found = _EXPRESSION.search(line)
    if found is None or offset >= len(source.text) or source.text[offset] not in "[]{},:":
        return None
    start = offset - len(found[1])
    return _quote(Span(source, start, _end(Span(source, start, start))))


def _quote(span: Span) -> Diagnostic:
    quoted = '"' + span.text.replace('"', "'") + '"'
    message = f"the expression `{shorten(span.text)}` needs quotes: YAML cuts it at `, [ ] {{ }}` and `: `"
    return Diagnostic("unquoted", message, span, help=f"write {shorten(quoted, 200)}")


def _is_open(text: str) -> bool:
    return text.count("(") > text.count(")") or text.count("'") % 2 == 1


def _end(span: Span) -> int:
    """Where the whole expression ends that begins at a span: its brackets closed, or the end of the line."""
    text = span.source.text
    line_end = _LINE_END.search(text, span.start)
    limit = min(line_end.start() if line_end else len(text), span.start + _REACH)
    for offset, depth in _depths(text[span.start : limit]):
        if depth < 0 or (depth == 0 and text[span.start + offset] == ","):
            limit = span.start + offset
            break
    return max(span.end, span.start + len(text[span.start : limit].rstrip()))


def _depths(text: str) -> Iterator[tuple[int, int]]:
    """Each character outside of strings, with the number of brackets open after it."""
    depth, quote = 0, ""
    for offset, char in enumerate(text):
        if quote or char in "'\"":
            quote = "" if char == quote else quote or char
            continue
        depth += (char in "([{") - (char in ")]}")
        yield offset, depth
