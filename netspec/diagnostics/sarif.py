"""Diagnostics for code-scanning services: SARIF 2.1.0 (OASIS, section 3)."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

from netspec.diagnostics.codes import CODES
from netspec.diagnostics.diagnostic import Diagnostic, Label
from netspec.diagnostics.span import Span

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def render_sarif(diagnostics: Iterable[Diagnostic], *, version: str) -> str:
    """One SARIF log with one run; `version` is netspec's."""
    found = list(diagnostics)
    run = {
        "tool": {"driver": {"name": "netspec", "version": version, "rules": _rules(found)}},
        # Our columns count code points; SARIF's default is UTF-16 units.
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic) for diagnostic in found],
    }
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2, sort_keys=True) + "\n"


def _rules(diagnostics: list[Diagnostic]) -> list[dict[str, Any]]:
    codes = sorted({diagnostic.code for diagnostic in diagnostics})
    return [
        {
            "id": code,
            "shortDescription": {"text": CODES.get(code, code)},
            # Not `helpUri`, which must be an absolute URI (section 3.49.12).
            "help": {"text": f"docs/codes/{code}.md", "markdown": f"[{code}](docs/codes/{code}.md)"},
        }
        for code in codes
    ]


def _result(diagnostic: Diagnostic) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "level": diagnostic.severity.value,
        "message": {"text": _text(diagnostic)},
    }
    location = _location(diagnostic.span, diagnostic.place)
    related = [_related(label) for label in diagnostic.labels if label.span is not None]
    return result | ({"locations": [location]} if location else {}) | ({"relatedLocations": related} if related else {})


def _text(diagnostic: Diagnostic) -> str:
    help = (f"help: {diagnostic.help}",) if diagnostic.help else ()
    return "\n".join((diagnostic.message, *diagnostic.notes, *help))


def _related(label: Label) -> dict[str, Any]:
    return {**_location(label.span), "message": {"text": str(label)}}


def _location(span: Span | None, place: str | None = None) -> dict[str, Any]:
    if span is None:
        return {"physicalLocation": {"artifactLocation": {"uri": _uri(place)}}} if place else {}
    end_line, end_column = span.source.position(span.end)
    region = {"startLine": span.line, "startColumn": span.column, "endLine": end_line, "endColumn": end_column}
    return {"physicalLocation": {"artifactLocation": {"uri": _uri(span.source.name)}, "region": region}}


def _uri(path: str) -> str:
    return quote(path.replace("\\", "/"), safe="/", errors="replace")
