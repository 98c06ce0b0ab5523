"""Every spec that the checker takes is valid, and a mistake of form is flagged at its line; nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netspec.diagnostics import SpecError
from tests.compiler.schema.judge import VALIDATOR, is_valid, lines_at_fault, tree

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "specs").rglob("*.yaml"))
GOOD = sorted((ROOT / "tests/golden/good").glob("*.yaml"))
BAD = sorted((ROOT / "tests/golden/bad").glob("*.yaml"))
EXPECTED = re.compile(r"# error: \[([a-z-]+)\]")

# Mistakes of form, by the file that shows them; each of these codes may also stand for what only the network shows.
FORM = {
    "empty": {"missing-key"},
    "expectations": {"unknown-key"},
    "five_mistakes": {"unknown-key", "unknown-op", "wrong-value"},
    "keys": {"unknown-key"},
    "later": {"not-supported"},
    "layers": {"bad-layer"},
    "missing": {"missing-key"},
    "missing_attributes": {"missing-key"},
    "names": {"bad-name", "reserved-name"},
    "ops": {"unknown-op"},
    "types": {"wrong-type"},
    "types_of_sections": {"wrong-type"},
    "values": {"wrong-value"},
    "version_absent": {"version"},
    "version_unknown": {"version"},
}


def expected(text: str, codes: set[str] | None = None) -> set[int]:
    """The lines with an error, or with one of these codes."""
    found = ((number, EXPECTED.findall(line)) for number, line in enumerate(text.splitlines(), 1))
    return {number for number, said in found if (codes & set(said) if codes is not None else said)}


@pytest.mark.parametrize("path", [*SHIPPED, *GOOD], ids=lambda path: path.stem)
def test_good_specs_validate(path: Path) -> None:
    VALIDATOR.validate(tree(path.read_text("utf-8")))


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_specs_validate_as_an_editor_reads_them(path: Path) -> None:
    """YAML 1.2 has no `_` in numbers, and no `none`: an editor sees texts."""
    text = re.sub(r"(?<=[\s\[:,])([0-9]+(?:_[0-9]+)+|none)(?=[\s\],}])", r"'\1'", path.read_text("utf-8"))
    assert is_valid(text)


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_what_it_flags_in_bad_specs_the_checker_reports_too(path: Path) -> None:
    text = path.read_text("utf-8")
    try:
        found = lines_at_fault(text)
    except SpecError:
        return  # no YAML that has a tree: an editor's parser speaks of it
    assert found <= expected(text)


@pytest.mark.parametrize("stem", FORM)
def test_mistakes_of_form_are_flagged_at_their_lines(stem: str) -> None:
    text = (ROOT / f"tests/golden/bad/{stem}.yaml").read_text("utf-8")
    wanted = expected(text, FORM[stem])
    assert wanted
    assert wanted <= lines_at_fault(text)
