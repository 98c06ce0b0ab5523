"""Every diagnostic code has a page, whose example gives exactly this code. The examples themselves run in test_docs."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

import netspec
from netspec.diagnostics import CODES, NetspecError
from netspec.diagnostics.text import render_text
from tests.pages import DOCS, Fence, commands, fences, findings, write_files

CODE_PAGES = DOCS / "codes"
INDEX = CODE_PAGES / "README.md"
SHOWN = re.compile(r"^(?:error|warning)\[([a-z-]+)\]", re.MULTILINE)

# What is shown in Python.
IN_PYTHON = {"bad-setting": lambda: netspec.load("net.yaml", settings=["width"])}

# No example can be run that gives these.
NOT_RUN = {
    "data-worker": "it takes a process that is killed or stopped",
    "parity": "it takes a mistake in netspec itself, in PyTorch or in ONNX Runtime",
}


def page(code: str) -> Path:
    return CODE_PAGES / f"{code}.md"


def mistakes(code: str) -> list[Fence]:
    return [fence for fence in fences(page(code)) if fence.is_mistake]


def consoles(code: str) -> list[Fence]:
    return [fence for fence in fences(page(code)) if fence.language == "console"]


def index() -> str:
    """The table of the codes."""
    head = (
        "# Diagnostics\n\nEvery mistake has a code, which stays the same from release to release. Each page says what "
        "the code means, shows an example, and how to set it right.\n\n| code | meaning |\n|---|---|\n"
    )
    return head + "".join(f"| [{code}]({code}.md) | {meaning} |\n" for code, meaning in CODES.items())


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert {path.stem for path in CODE_PAGES.glob("*.md")} - {"README"} == set(CODES)


def test_the_index_lists_the_codes() -> None:
    """If it does not: once with `NETSPEC_UPDATE_GOLDEN=1` in the environment."""
    if os.environ.get("NETSPEC_UPDATE_GOLDEN"):
        INDEX.write_text(index(), "utf-8")
    assert INDEX.read_text("utf-8") == index()


@pytest.mark.parametrize("code", CODES)
def test_a_page_begins_with_its_code_and_what_it_means(code: str) -> None:
    meaning = CODES[code]
    expected = f"# {code}\n\n{meaning[0].upper()}{meaning[1:]}.\n"
    assert page(code).read_text("utf-8").startswith(expected)


@pytest.mark.parametrize("code", CODES)
def test_the_example_of_a_page_gives_its_code_only(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shown = [set(SHOWN.findall(printed)) for fence in consoles(code) for _, printed in commands(fence)]
    found = [{each.code for each in findings(fence, tmp_path)} for fence in mistakes(code)]
    wrong = [codes for codes in (*shown, *found) if codes]
    assert all(codes == {code} for codes in wrong)
    assert bool(wrong) != (code in NOT_RUN or code in IN_PYTHON)


@pytest.mark.parametrize("code", IN_PYTHON)
def test_python_raises_what_its_page_shows(code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    last = [fence for fence in fences(page(code)) if fence.language == "text"][-1]
    write_files(last, tmp_path)
    with pytest.raises(NetspecError) as caught:
        IN_PYTHON[code]()
    assert render_text(caught.value.diagnostics) == last.text


@pytest.mark.parametrize("code", CODES)
def test_a_page_with_a_wrong_spec_has_the_right_one_below(code: str) -> None:
    kinds = [fence.is_mistake for fence in fences(page(code)) if fence.language == "yaml" and not fence.is_file]
    if any(kinds):
        assert kinds[-1] is False
