"""`weights:` as it stands in a spec."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.diagnostics import Report, Source
from netspec.lang.folder import Folder
from netspec.lang.reader import read
from netspec.weights.bind import bind_weights
from tests.weights.nets import bound, mapping


def test_the_short_and_the_long_form(tmp_path: Path) -> None:
    for text in ("nets/a.safetensors", "{file: nets/a.safetensors}"):
        found = bind_weights(read(Source("s.yaml", text)), Folder(tmp_path), Report())
        assert found is not None
        assert found.path == tmp_path / "nets" / "a.safetensors" and found.mapping.skip == ()
    full = mapping("{file: a, of: 3, rename: {a.b: c}, transpose: fc, skip: [x, {op: conv}, {parameter: bias}]}")
    assert full.of == "3" and [(rule.old, rule.new) for rule in full.rename] == [("a.b", "c")]
    assert list(map(str, full.skip)) == ["x", "{op: conv}", "{parameter: bias}"]
    assert [each.span.text for each in full.transpose] == ["fc"]


@pytest.mark.parametrize(
    ("text", "code", "place"),
    [
        ("{fil: a}", "unknown-key", "fil"),
        ("{of: a}", "missing-key", "{of: a}"),
        ("{file: 3}", "wrong-type", "3"),
        ("[a]", "wrong-type", "[a]"),
        ("none", "wrong-type", "none"),
        ("../a", "data-file", "../a"),
        ("{file: /etc/passwd}", "data-file", "/etc/passwd"),
        ("{file: a, of: [a, b]}", "wrong-type", "[a, b]"),
        ('{file: a, of: "a*"}', "wrong-type", '"a*"'),
        ("{file: a, rename: [a]}", "wrong-type", "[a]"),
        ("{file: a, rename: {a: [b]}}", "wrong-type", "[b]"),
        ('{file: a, rename: {"a*": b}}', "wrong-value", '"a*"'),
        ("{file: a, skip: {ops: conv}}", "unknown-key", "ops"),
        ("{file: a, skip: {op: [conv]}}", "wrong-type", "{op: [conv]}"),
        ("{file: a, skip: [[a]]}", "wrong-type", "[a]"),
        ('{file: a, skip: "a..b"}', "wrong-value", '"a..b"'),
        ('{file: a, transpose: ".a"}', "wrong-value", '".a"'),
    ],
)
def test_every_mistake_has_its_place(text: str, code: str, place: str, tmp_path: Path) -> None:
    found, report = bound(text, tmp_path)
    assert found is None
    (diagnostic,) = report.diagnostics
    assert diagnostic.span is not None
    assert (diagnostic.code, diagnostic.span.text) == (code, place)


def test_mistakes_come_out_together() -> None:
    _, report = bound("{file: a, skip: {ops: x}, transpose: {op: []}, rename: {a.: b}, of: [x, y]}")
    assert len(report.diagnostics) == 4
