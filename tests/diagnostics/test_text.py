"""The text rendering, compared character by character."""

from __future__ import annotations

import re
from textwrap import dedent

from hypothesis import given
from hypothesis import strategies as st

from netspec.diagnostics import Diagnostic, Label, Severity, Source, Span
from netspec.diagnostics.excerpt import escape, excerpt, width
from netspec.diagnostics.text import MAX_BYTES, render_text, summary

RESNET = Source("resnet50.yaml", "layers:\n" * 30 + "       - {add, from: [bn3, downsample]}\n")


def at(source: Source, text: str) -> Span:
    start = source.text.index(text)
    return Span(source, start, start + len(text))


def test_a_diagnostic_stands_as_language_md_draws_it() -> None:
    line = RESNET.text.count("\n", 0, RESNET.text.index("add"))
    diagnostic = Diagnostic(
        "shape-mismatch",
        "add needs equal shapes, got [256, 56, 56] and [64, 56, 56]",
        at(RESNET, "add"),
        labels=(
            Label("bn3  [256, 56, 56]", Span(RESNET, 8, 9)),
            Label("downsample  [64, 56, 56]", Span(RESNET, 16, 17)),
        ),
        notes=("in block `bottleneck` used at line 44, repeat 1 of 3 (`layer1.0`)",),
        help="set `project: true` at line 44",
    )
    assert line == 30
    assert render_text([diagnostic]) == dedent("""\
        error[shape-mismatch]: add needs equal shapes, got [256, 56, 56] and [64, 56, 56]
          --> resnet50.yaml:31:11
           |
        31 |        - {add, from: [bn3, downsample]}
           |           ^^^
           = bn3         [256, 56, 56]   line 2
           = downsample  [64, 56, 56]    line 3
           = in block `bottleneck` used at line 44, repeat 1 of 3 (`layer1.0`)
           = help: set `project: true` at line 44

        1 error
        """)


def test_a_file_without_lines() -> None:
    diagnostic = Diagnostic("weights", "truncated", place="runs/best.safetensors", help="copy it again")
    assert render_text([diagnostic]) == dedent("""\
        error[weights]: truncated
         --> runs/best.safetensors
          = help: copy it again

        1 error
        """)


def test_a_message_without_a_place() -> None:
    warning = Diagnostic("unavailable", "no GPU here", severity=Severity.WARNING)
    assert render_text([warning]) == "warning[unavailable]: no GPU here\n\n1 warning\n"


def test_a_label_in_another_file_names_the_file() -> None:
    other = Source("base.yaml", "netspec: 1\nname: base\n")
    diagnostic = Diagnostic("expect", "no", at(RESNET, "add"), labels=(Label("there", at(other, "base")),))
    assert "   = there   base.yaml:2:7\n" in render_text([diagnostic])


def test_tabs_wide_and_combining_characters_keep_the_carets_in_place() -> None:
    assert excerpt(at(Source("a", "\tx: y"), "y")) == ("    x: y", "       ^")
    assert excerpt(at(Source("a", "名前: y"), "y")) == ("名前: y", "      ^")
    assert excerpt(at(Source("a", "名前: y"), "前")) == ("名前: y", "  ^^")
    assert excerpt(at(Source("a", "e\u0301: y"), "y")) == ("e\u0301: y", "   ^")


def test_control_and_bidi_characters_are_written_out() -> None:
    assert excerpt(at(Source("a", "a\u202eb: \x1b[31m y"), "y")) == (
        r"a\u202eb: \x1b[31m y",
        " " * 19 + "^",
    )
    assert escape("a\u00a0b\u200b\ud800\n") == r"a\xa0b\u200b\ud800\n"
    assert render_text([Diagnostic("bad-name", "`a\u2066\x07`", place="x\u202ey")]).isascii()


def test_long_lines_are_windowed_around_the_place() -> None:
    source = Source("a", "x" * 5000 + "HERE" + "y" * 5000)
    line, carets = excerpt(at(source, "HERE"))
    assert len(line) == 102
    assert line[0] == line[-1] == "…"
    assert line[carets.index("^") :].startswith("HERE")
    assert carets.endswith("^^^^")


def test_a_span_over_lines_is_marked_to_the_end_of_its_first() -> None:
    source = Source("a", "key: [1,\n  2,\n  3]\n")
    assert excerpt(Span(source, 5, 17)) == ("key: [1,", "     ^^^")


def test_a_span_at_the_end_of_the_text_gets_one_caret() -> None:
    source = Source("a", "key:\n")
    assert excerpt(Span(source, 5, 5)) == ("", "^")
    assert excerpt(Span(Source("a", ""), 0, 0)) == ("", "^")


def test_at_most_fifty_are_shown() -> None:
    many = [Diagnostic("expect", f"number {i}") for i in range(73)]
    text = render_text(many)
    assert text.count("error[") == 50
    assert text.endswith("error[expect]: number 49\n\n... and 23 more\n\n73 errors\n")


def test_counts() -> None:
    warning = Diagnostic("expect", "w", severity=Severity.WARNING)
    assert summary([]) == ""
    assert render_text([]) == ""
    assert summary([Diagnostic("expect", "e")] * 2 + [warning]) == "2 errors, 1 warning"


def test_no_input_makes_it_longer_than_64_kib() -> None:
    """R-11, with the widest characters that there are, in every field at once."""
    wide = "\U0010ffff" * 5000
    source = Source(wide, wide)
    span = Span(source, 2500, 5000)
    labels = (Label(wide, Span(Source(wide, wide), 0, 1)),) * 30
    giant = Diagnostic("expect", wide, span, labels=labels, notes=(wide,) * 30, help=wide)
    text = render_text([giant] * 1000)
    assert 4000 < len(text.encode()) <= MAX_BYTES
    assert re.search(r"\n\.\.\. and \d+ more\n\n1,000 errors\n$", text)


def test_colour_adds_escapes_only() -> None:
    diagnostic = Diagnostic("shape-mismatch", "no", at(RESNET, "add"), labels=(Label("a"),), help="b")
    colored = render_text([diagnostic], color=True)
    assert re.sub("\x1b\\[[0-9;]*m", "", colored) == render_text([diagnostic])
    assert colored.startswith("\x1b[1;31merror[shape-mismatch]\x1b[0m")


@given(st.text(st.characters(), max_size=300), st.data())
def test_any_text_is_drawn_with_its_carets_inside(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    line, carets = excerpt(Span(Source("any", text), start, end))
    assert line.isprintable()
    assert set(carets) <= {" ", "^"}
    assert "^" in carets
    assert carets.index("^") <= width(line)
