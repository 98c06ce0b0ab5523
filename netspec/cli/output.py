"""Results to stdout, everything else to stderr; text for people, one JSON document for programs."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from netspec.diagnostics import Diagnostic, NetspecError
from netspec.diagnostics.json import SCHEMA_VERSION, render_json
from netspec.ir import Dim, Size

F = TypeVar("F", bound=Callable[..., Any])

format_option: Callable[[F], F] = click.option(
    "--format", "format_", type=click.Choice(["text", "json"]), default="text", help="Text, or one JSON document."
)


def print_json(result: dict[str, Any]) -> None:
    """A result as one document with sorted keys."""
    document = {"schema_version": SCHEMA_VERSION, "ok": True} | result
    click.echo(json.dumps(document, indent=2, sort_keys=True, allow_nan=False, default=_formula))


def plain_size(size: Size) -> int | str:
    """A size as JSON has it: one that depends on symbols is a text."""
    return str(size) if isinstance(size, Dim) else size


def _formula(value: object) -> int | str:
    if isinstance(value, Dim):
        return plain_size(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def print_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Diagnostics for people, on stderr."""
    found = list(diagnostics)
    if found:
        from netspec.diagnostics.text import render_text  # most specs are right

        click.echo(render_text(found, color=use_color(sys.stderr)), err=True)


def print_failure(error: NetspecError, words: Sequence[str]) -> None:
    """An error in the form that the command line asked for: JSON on stdout, else text on stderr."""
    if asks_for_json(words):
        click.echo(render_json(error.diagnostics))
    else:
        print_diagnostics(error.diagnostics)


def asks_for_json(words: Sequence[str]) -> bool:
    """Whether `--format json` is among the words; the options themselves may be what failed."""
    pairs = zip(words, [*words[1:], ""], strict=True)
    return any((a, b) == ("--format", "json") or a == "--format=json" for a, b in pairs)


def use_color(stream: Any) -> bool:
    """Colour on terminals only, and never with NO_COLOR."""
    return "NO_COLOR" not in os.environ and hasattr(stream, "isatty") and stream.isatty()


def table(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Rows in columns; those in `right` are flushed right. The first row is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.rjust(widths[i]) if i in right else cell.ljust(widths[i]) for i, cell in enumerate(row)]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)


def bytes_text(count: Size) -> str:
    """`1.2 MiB`; a formula in bytes where it depends on symbols."""
    if isinstance(count, Dim):
        return f"{count:,} B"
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:,.0f} {unit}" if unit == "B" else f"{size:,.1f} {unit}"
        size /= 1024
    return f"{size:,.1f} TiB"


def shape_text(shape: Sequence[Size]) -> str:
    """`20 x 24 x 24`, or `scalar`."""
    return " x ".join(map(str, shape)) or "scalar"


def progress_wanted(quiet: bool) -> bool:
    """Progress is drawn on a terminal only, and only by the first process of a distributed run."""
    return not quiet and sys.stderr.isatty() and os.environ.get("RANK", "0") == "0"
