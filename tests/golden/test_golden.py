"""Specs beside their diagnostics: what stands in a comment on a line is what is reported there, no more and no less.

`# error: [code] part` (or `# warning:`) expects a diagnostic of that code at its line, with `part` in its message or
help. The full rendering of each bad spec stands beside it as text; with `NETSPEC_UPDATE_GOLDEN=1` in the environment
it is written anew, to be read in the diff.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from netspec.compiler import compile_source
from netspec.diagnostics import Diagnostic, Source, SpecError
from netspec.diagnostics.text import render_text
from tests.diagnostics.source_codes import codes_raised

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
GOOD = sorted((HERE / "good").glob("*.yaml"))
BAD = sorted((HERE / "bad").glob("*.yaml"))
PARTS = sorted((HERE / "parts").glob("[!b]*.yaml"))
EXPECTED = re.compile(r"# (error|warning): \[([a-z-]+)\] ?((?:(?! # ).)*)")


def source(path: Path) -> Source:
    return Source(str(path), path.read_text("utf-8"))


def diagnostics(path: Path) -> tuple[Diagnostic, ...]:
    try:
        return compile_source(source(path)).warnings
    except SpecError as error:
        return error.diagnostics


def expected(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Line, severity, code and part of each comment."""
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        for severity, code, part in EXPECTED.findall(line):
            yield number, severity, code, part.strip()


def compare(path: Path) -> list[str]:
    """The severities of what is found, which is compared with the comments of the file, and of other files named."""
    spans = [(d, d.span) for d in diagnostics(path) if d.span is not None]
    found = [(s.source.name, s.line, d.severity.value, d.code, f"{d.message} {d.help}") for d, s in spans]
    files = {str(path), *(name for name, *_ in found)}
    wanted = [(name, *each) for name in files for each in expected(Path(name))]
    assert Counter(each[:4] for each in found) == Counter(each[:4] for each in wanted)
    for *place, part in wanted:
        said = [text for *where, text in found if where == place]
        assert any(part in text for text in said), (place, part, said)
    return [severity for _, _, severity, *_ in found]


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_good(path: Path) -> None:
    assert "error" not in compare(path)
    compile_source(source(path))


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_bad(path: Path) -> None:
    assert "error" in compare(path)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_rendering(path: Path) -> None:
    rendered = (
        render_text(diagnostics(path))
        .replace(f"{path.parent}/", "")
        .replace(f"{HERE}/", "")
        .replace(f"{ROOT}\n", "ROOT\n")
    )
    snapshot = path.with_suffix(".txt")
    if os.environ.get("NETSPEC_UPDATE_GOLDEN"):
        snapshot.write_text(rendered, "utf-8")
    assert rendered == snapshot.read_text("utf-8")


def test_five_different_mistakes_come_out_in_one_run_in_the_order_of_the_file() -> None:
    found = diagnostics(HERE / "bad/five_mistakes.yaml")
    assert len({diagnostic.code for diagnostic in found}) == len(found) == 5
    starts = [diagnostic.span.start for diagnostic in found if diagnostic.span]
    assert starts == sorted(starts)


def test_every_snapshot_has_its_spec() -> None:
    assert {path.stem for path in (HERE / "bad").glob("*.txt")} == {path.stem for path in BAD}


def test_every_code_of_the_front_end_has_a_golden_spec() -> None:
    shown = {code for path in [*GOOD, *BAD, *PARTS] for _, _, code, _ in expected(path)}
    not_about_a_text = {"bad-setting", "data-file"}
    assert set(codes_raised("lang", "compiler", "ops")) - not_about_a_text <= shown
