"""JSON, SARIF and CI annotations."""

from __future__ import annotations

import json
from typing import Any

from netspec.diagnostics import Diagnostic, Label, Severity, Source, Span
from netspec.diagnostics.github import render_github
from netspec.diagnostics.json import render_json
from netspec.diagnostics.sarif import render_sarif

SOURCE = Source("nets/a b.yaml", "netspec: 1\nlayers: [relu,\n  softmx]\n")
ERROR = Diagnostic(
    "unknown-op",
    "no op is called `softmx`",
    Span(SOURCE, 28, 34),
    labels=(Label("the chain", Span(SOURCE, 19, 35)), Label("no place")),
    notes=("100 % sure",),
    help="did you mean `softmax`?",
)
WARNING = Diagnostic("weights", "an odd file", severity=Severity.WARNING, place="w.npz")
EVERYWHERE = Diagnostic("unavailable", "no GPU")


def test_json_holds_every_field() -> None:
    document = json.loads(render_json([ERROR, WARNING], params=3))
    assert document == {
        "schema_version": 1,
        "ok": False,
        "errors": 1,
        "warnings": 1,
        "omitted": 0,
        "params": 3,
        "diagnostics": [
            {
                "code": "unknown-op",
                "severity": "error",
                "message": "no op is called `softmx`",
                "file": "nets/a b.yaml",
                "line": 3,
                "column": 3,
                "end_line": 3,
                "end_column": 9,
                "notes": ["100 % sure"],
                "help": "did you mean `softmax`?",
                "labels": [
                    {
                        "text": "the chain",
                        "file": "nets/a b.yaml",
                        "line": 2,
                        "column": 9,
                        "end_line": 3,
                        "end_column": 10,
                    },
                    {
                        "text": "no place",
                        "file": None,
                        "line": None,
                        "column": None,
                        "end_line": None,
                        "end_column": None,
                    },
                ],
            },
            {
                "code": "weights",
                "severity": "warning",
                "message": "an odd file",
                "file": "w.npz",
                "line": None,
                "column": None,
                "end_line": None,
                "end_column": None,
                "notes": [],
                "help": None,
                "labels": [],
            },
        ],
    }


def test_json_keys_are_sorted_and_warnings_are_ok() -> None:
    text = render_json([WARNING])
    assert json.dumps(json.loads(text), indent=2, sort_keys=True) + "\n" == text
    assert json.loads(text)["ok"] is True
    assert json.loads(render_json([]))["diagnostics"] == []


def test_json_counts_what_it_leaves_out() -> None:
    document = json.loads(render_json([ERROR] * 60))
    assert (len(document["diagnostics"]), document["omitted"], document["errors"]) == (50, 10, 60)


def test_sarif_has_the_required_properties() -> None:
    log: dict[str, Any] = json.loads(render_sarif([ERROR, WARNING, EVERYWHERE], version="1.2.3"))
    assert log["version"] == "2.1.0"
    assert len(log["runs"]) == 1
    driver = log["runs"][0]["tool"]["driver"]
    assert (driver["name"], driver["version"]) == ("netspec", "1.2.3")
    assert [rule["id"] for rule in driver["rules"]] == ["unavailable", "unknown-op", "weights"]
    assert driver["rules"][0]["help"]["text"] == "docs/codes/unavailable.md"
    first, second, third = log["runs"][0]["results"]
    assert (first["ruleId"], first["level"], second["level"]) == ("unknown-op", "error", "warning")
    assert first["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "nets/a%20b.yaml"},
        "region": {"startLine": 3, "startColumn": 3, "endLine": 3, "endColumn": 9},
    }
    assert [related["message"]["text"] for related in first["relatedLocations"]] == ["the chain"]
    assert second["locations"][0]["physicalLocation"] == {"artifactLocation": {"uri": "w.npz"}}
    assert "locations" not in third


def test_annotations_are_one_escaped_line_each() -> None:
    assert render_github([ERROR, WARNING, EVERYWHERE]) == (
        "::error file=nets/a b.yaml,line=3,col=3,endColumn=9,title=netspec[unknown-op]::"
        "no op is called `softmx`%0A100 %25 sure%0Ahelp: did you mean `softmax`?\n"
        "::warning file=w.npz,title=netspec[weights]::an odd file\n"
        "::error title=netspec[unavailable]::no GPU\n"
    )


def test_an_annotation_cannot_be_forged() -> None:
    source = Source("a,line=9::x\n::error::.yaml", "x: [1,\n2]")
    line = render_github([Diagnostic("expect", "m\n::error::forged", Span(source, 3, 9))])
    assert line.count("\n") == 1
    assert line.startswith("::error file=a%2Cline=9%3A%3Ax\\n%3A%3Aerror%3A%3A.yaml,line=1,col=4,endLine=2,title=")
