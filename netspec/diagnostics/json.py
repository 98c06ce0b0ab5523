"""Diagnostics for programs: one JSON document."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from netspec.diagnostics.diagnostic import MAX_SHOWN, Diagnostic, Label
from netspec.diagnostics.span import Span

SCHEMA_VERSION = 1


def render_json(diagnostics: Iterable[Diagnostic], **extra: Any) -> str:
    """One document with sorted keys: `schema_version`, `ok`, the counts, and at most 50 diagnostics.

    `ok` says that there is no error; `omitted` counts the diagnostics left out. `extra` adds keys of a command's own
    (a result beside its warnings); it must be plain data.
    """
    found = list(diagnostics)
    errors = sum(diagnostic.is_error for diagnostic in found)
    document = {
        "schema_version": SCHEMA_VERSION,
        "ok": errors == 0,
        "errors": errors,
        "warnings": len(found) - errors,
        "omitted": max(0, len(found) - MAX_SHOWN),
        "diagnostics": [as_dict(diagnostic) for diagnostic in found[:MAX_SHOWN]],
    }
    return json.dumps(document | extra, indent=2, sort_keys=True, allow_nan=False) + "\n"


def as_dict(diagnostic: Diagnostic) -> dict[str, Any]:
    """A diagnostic as plain data. Lines and columns count from 1, in code points; the end is exclusive."""
    return {
        "code": diagnostic.code,
        "severity": diagnostic.severity.value,
        "message": diagnostic.message,
        "labels": [_label(label) for label in diagnostic.labels],
        "notes": list(diagnostic.notes),
        "help": diagnostic.help,
        **_region(diagnostic.span, diagnostic.place),
    }


def _label(label: Label) -> dict[str, Any]:
    return {"text": str(label), **_region(label.span)}


def _region(span: Span | None, place: str | None = None) -> dict[str, Any]:
    if span is None:
        return {"file": place, "line": None, "column": None, "end_line": None, "end_column": None}
    end_line, end_column = span.source.position(span.end)
    return {
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": end_line,
        "end_column": end_column,
    }
