"""Spans, the report, near matches and the exceptions."""

from __future__ import annotations

import random

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from netspec.diagnostics import (
    Diagnostic,
    NetspecError,
    Report,
    Source,
    Span,
    SpecError,
    UnavailableError,
    nearest,
)
from netspec.diagnostics.suggest import did_you_mean

OPS = ["conv", "relu", "max_pool", "batch_norm", "dropout", "leaky_relu", "adaptive_avg_pool"]


def test_the_report_keeps_the_order_of_the_file() -> None:
    source = Source("a.yaml", "0123456789")
    diagnostics = [Diagnostic("expect", f"at {i}", Span(source, i, i + 1)) for i in range(10)]
    shuffled = [*diagnostics, Diagnostic("weights", "no place")]
    random.Random(0).shuffle(shuffled)
    report = Report()
    for diagnostic in shuffled:
        report.add(diagnostic)
    assert [d.message for d in report] == [*(f"at {i}" for i in range(10)), "no place"]


def test_a_mistake_is_reported_once_at_a_place() -> None:
    source = Source("a.yaml", "0123456789")
    report = Report()
    report.error("expect", "first", Span(source, 2, 3))
    report.error("expect", "first", Span(source, 2, 9))
    report.error("expect", "second", Span(source, 2, 3))
    report.error("bad-name", "another code", Span(source, 2, 3))
    report.error("expect", "another place", Span(source, 3, 4))
    report.error("expect", "another file", Span(Source("b.yaml", "0123"), 2, 3))
    assert [d.message for d in report] == ["first", "second", "another code", "another place", "another file"]
    assert len(report) == 5
    assert report.diagnostics == tuple(report)


def test_warnings_are_no_errors() -> None:
    report = Report()
    report.warning("unused-layer", "nobody reads it", None)
    assert not report.has_errors
    report.error("expect", "no", None)
    assert report.has_errors


def test_the_thousandth_error_ends_the_run() -> None:
    source = Source("a.yaml", "x" * 2000)
    report = Report()
    for i in range(1500):
        report.warning("unused-layer", "no end to warnings", Span(source, i, i))
    for i in range(999):
        report.error("expect", "no", Span(source, i, i))
        report.error("expect", "no", Span(source, i, i))
    with pytest.raises(SpecError) as caught:
        report.error("expect", "the last", Span(source, 1999, 1999))
    assert caught.value.diagnostics == report.diagnostics
    assert len(report) == 2500


def test_long_messages_are_cut() -> None:
    diagnostic = Diagnostic("bad-name", "x" * 5000, notes=("y" * 5000,), help="z" * 5000)
    assert (len(diagnostic.message), len(diagnostic.notes[0]), len(diagnostic.help or "")) == (300, 300, 300)
    assert diagnostic.message.endswith("x…")


@given(st.text(st.sampled_from("ab\n\r\x85\u2028\u2029 é"), max_size=40))
def test_lines_and_columns_are_those_of_yaml(text: str) -> None:
    """PyYAML's pure reader counts in code points and breaks lines where YAML 1.1 does."""
    reader = yaml.reader.Reader(text)
    source = Source("a", text)
    for offset in range(len(text) + 1):
        assert source.position(offset) == (reader.line + 1, reader.column + 1)
        if offset < len(text):
            reader.forward()


def test_a_span_knows_its_text_and_place() -> None:
    span = Span(Source("a.yaml", "one\ntwo three\n"), 8, 13)
    assert (span.line, span.column, span.text, str(span)) == (2, 5, "three", "a.yaml:2:5")
    assert span.source.line(2) == "two three"


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("softmx", None),
        ("rellu", "relu"),
        ("maxpool", "max_pool"),
        ("max-pool", "max_pool"),
        ("BatchNorm", "batch_norm"),
        ("droput", "dropout"),
        ("leakyrelu", "leaky_relu"),
        ("\u0441\u043env", "conv"),  # the first two letters are Cyrillic
        ("re\u200blu", "relu"),  # a zero-width space
        ("\uff52\uff45\uff4c\uff55", "relu"),  # fullwidth
        ("relu\u202e" * 10_000, None),
        ("", None),
    ],
)
def test_the_nearest_name(word: str, meant: str | None) -> None:
    assert nearest(word, OPS) == meant


def test_help_lists_few_names_and_offers_near_ones() -> None:
    assert did_you_mean("rellu", OPS) == "did you mean `relu`?"
    assert did_you_mean("xyz", ["b", "a"]) == "known: a, b"
    assert did_you_mean("xyz", []) is None
    assert did_you_mean("xyz", [f"name_{i}" for i in range(13)]) is None


def test_exceptions_carry_their_diagnostics() -> None:
    source = Source("a.yaml", "relu")
    error = SpecError([Diagnostic("unknown-op", "no op", Span(source, 0, 4)), Diagnostic("expect", "no")])
    assert str(error) == "a.yaml:1:1: no op; no"
    assert error.exit_code == 1
    assert isinstance(error, NetspecError)
    absent = UnavailableError.at("cuda", "unavailable", "no GPU", help="pip install")
    assert (str(absent), absent.exit_code, absent.diagnostics[0].help) == ("cuda: no GPU", 69, "pip install")
