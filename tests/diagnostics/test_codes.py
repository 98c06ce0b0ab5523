"""Every code that is raised is declared, and every declared one is raised somewhere."""

from __future__ import annotations

import re

from netspec.diagnostics import CODES
from tests.diagnostics.source_codes import PACKAGE, codes_raised


def test_every_code_raised_is_declared() -> None:
    raised = codes_raised()
    assert len(raised) > 30
    assert {code: place for code, place in raised.items() if code not in CODES} == {}


def test_every_code_declared_is_raised() -> None:
    """As a constant anywhere: some codes pass through a variable on their way."""
    sources = [path.read_text("utf-8") for path in PACKAGE.rglob("*.py") if path.name != "codes.py"]
    text = "\n".join(sources)
    assert [code for code in CODES if f'"{code}"' not in text] == []


def test_codes_are_stable_words_with_a_meaning() -> None:
    for code, meaning in CODES.items():
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", code)
        assert meaning[0].islower() or meaning[:4] in ("YAML",)
        assert not meaning.endswith(".")
