"""Diagnostics as people read them, in the form of language.md section 6.

error[shape-mismatch]: add needs equal shapes, got [256, 56, 56] and [64, 56, 56]
  --> resnet50.yaml:31:10
   |
31 |       - {add, from: [bn3, downsample]}
   |          ^^^
   = bn3         [256, 56, 56]   line 23
   = help: set `project: true`
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest

from netspec.diagnostics.diagnostic import MAX_MESSAGE, MAX_SHOWN, Diagnostic, Label, Severity
from netspec.diagnostics.excerpt import escape, excerpt, width
from netspec.diagnostics.span import Span

MAX_BYTES = 64 * 1024
MAX_LINES = 8
# A circle is shown whole.
MAX_STEPS = 64
# Room for "... and N more" and the summary below the last diagnostic.
RESERVE_BYTES = 256

_STYLES = {"error": "1;31", "warning": "1;33", "gutter": "1;34", "message": "1", "help": "1;32"}
Paint = Callable[[str, str], str]


def render_text(diagnostics: Iterable[Diagnostic], *, color: bool = False) -> str:
    """Draw diagnostics, at most 50 of them and at most 64 KiB in all, with a line of counts below.

    Args:
        diagnostics: In the order in which they shall stand.
        color: Whether to write ANSI colours.

    Returns:
        Text that ends with a line break; empty if there are no diagnostics.
    """
    found = list(diagnostics)
    if not found:
        return ""
    blocks = list(_within_budget(found, _colored if color else _plain))
    hidden = len(found) - len(blocks)
    if hidden:
        blocks.append(f"... and {hidden:,} more\n")
    return "\n".join([*blocks, summary(found) + "\n"])


def summary(diagnostics: Iterable[Diagnostic]) -> str:
    """How many there are: `2 errors, 1 warning`."""
    found = list(diagnostics)
    errors = sum(diagnostic.is_error for diagnostic in found)
    counts = ((errors, Severity.ERROR), (len(found) - errors, Severity.WARNING))
    return ", ".join(f"{count:,} {kind}{'s' if count > 1 else ''}" for count, kind in counts if count)


def _within_budget(diagnostics: list[Diagnostic], paint: Paint) -> Iterator[str]:
    left = MAX_BYTES - RESERVE_BYTES
    for diagnostic in diagnostics[:MAX_SHOWN]:
        block = "".join(line.rstrip() + "\n" for line in _lines(diagnostic, paint))
        left -= len(block.encode()) + 1
        if left < 0:
            return
        yield block


def _lines(diagnostic: Diagnostic, paint: Paint) -> Iterator[str]:
    kind = diagnostic.severity.value
    yield paint(kind, f"{kind}[{diagnostic.code}]") + paint("message", f": {_cut(diagnostic.message)}")
    span = diagnostic.span
    margin = " " * (len(str(span.line)) if span is not None else 1)
    if span is not None:
        yield f"{margin}{paint('gutter', '-->')} {_position(span)}"
        yield from _source_lines(span, margin, kind, paint)
    elif diagnostic.place:
        yield f"{margin}{paint('gutter', '-->')} {_cut(diagnostic.place)}"
    bullet = f"{margin} {paint('gutter', '=')} "
    for remark in _remarks(diagnostic, paint):
        yield bullet + remark


def _source_lines(span: Span, margin: str, kind: str, paint: Paint) -> Iterator[str]:
    line, carets = excerpt(span)
    bar = paint("gutter", f"{margin} |")
    yield bar
    yield f"{paint('gutter', f'{span.line} |')} {line}"
    yield f"{bar} {paint(kind, carets)}"


def _remarks(diagnostic: Diagnostic, paint: Paint) -> Iterator[str]:
    shown = MAX_STEPS if diagnostic.code == "cycle" else MAX_LINES
    yield from _label_lines(diagnostic.labels[:shown], diagnostic.span)
    yield from map(_cut, diagnostic.notes[:MAX_LINES])
    if diagnostic.help:
        yield f"{paint('help', 'help')}: {_cut(diagnostic.help)}"


def _label_lines(labels: tuple[Label, ...], span: Span | None) -> Iterator[str]:
    parts = [(_where(label.span, span) if label.span is not None else "", _cut(label.remark)) for label in labels]
    places = [", ".join(part for part in pair if part) for pair in parts]
    for text, place in zip(_table([_cut(label.text) for label in labels]), places, strict=True):
        yield f"{text}   {place}" if place else text


def _table(rows: list[str]) -> list[str]:
    """Rows whose parts, parted by two blanks, stand below each other."""
    cells = [row.split("  ") for row in rows]
    columns = [max(map(width, column)) for column in zip_longest(*cells, fillvalue="")]
    padded = [[cell + " " * (wide - width(cell)) for cell, wide in zip(row, columns, strict=False)] for row in cells]
    return ["  ".join(row) for row in padded]


def _where(place: Span, span: Span | None) -> str:
    return f"line {place.line}" if span is not None and place.source is span.source else _position(place)


def _position(span: Span) -> str:
    return f"{_cut(span.source.name)}:{span.line}:{span.column}"


def _cut(text: str) -> str:
    # Cut before and after: escaping makes a text up to ten times as long.
    shown = escape(text[: MAX_MESSAGE + 1])
    return shown if len(shown) <= MAX_MESSAGE else shown[: MAX_MESSAGE - 1] + "…"


def _plain(style: str, text: str) -> str:
    return text


def _colored(style: str, text: str) -> str:
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"
