"""Diagnostics as workflow commands: GitHub shows each as an annotation on its line."""

from __future__ import annotations

from collections.abc import Iterable

from netspec.diagnostics.diagnostic import Diagnostic
from netspec.diagnostics.excerpt import escape

# Workflow commands are one line each; these are the escapes of actions/toolkit (command.ts).
_MESSAGE_ESCAPES = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY_ESCAPES = _MESSAGE_ESCAPES | str.maketrans({":": "%3A", ",": "%2C"})


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """One `::error file=...,line=...,col=...::message` a line."""
    return "".join(_command(diagnostic) + "\n" for diagnostic in diagnostics)


def _command(diagnostic: Diagnostic) -> str:
    properties = {**_place(diagnostic), "title": f"netspec[{diagnostic.code}]"}
    listed = ",".join(f"{key}={escape(str(value)).translate(_PROPERTY_ESCAPES)}" for key, value in properties.items())
    help = (f"help: {diagnostic.help}",) if diagnostic.help else ()
    message = "\n".join(map(escape, (diagnostic.message, *diagnostic.notes, *help)))
    return f"::{diagnostic.severity} {listed}::{message.translate(_MESSAGE_ESCAPES)}"


def _place(diagnostic: Diagnostic) -> dict[str, object]:
    span = diagnostic.span
    if span is None:
        return {"file": diagnostic.place} if diagnostic.place else {}
    end_line, end_column = span.source.position(span.end)
    place: dict[str, object] = {"file": span.source.name, "line": span.line, "col": span.column}
    # GitHub draws columns only where an annotation stays on its line.
    return place | ({"endColumn": end_column} if end_line == span.line else {"endLine": end_line})
