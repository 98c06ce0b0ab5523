"""The documents are part of the product: every example in them is run, and what they say netspec says, it says."""

from __future__ import annotations

import re
from pathlib import Path

import onnxruntime
import pytest

import netspec
from netspec.api import check
from netspec.compiler.reference import reference
from netspec.data.reference import reference as data_reference
from netspec.diagnostics.text import render_text
from netspec.ir.verify import verify
from netspec.ops.registry import ops
from tests.pages import (
    DOCS,
    PAGES,
    ROOT,
    Fence,
    all_fences,
    commands,
    fences,
    findings,
    is_shown,
    local,
    run,
    write_files,
)

FENCES = list(all_fences())
SPECS = [fence for fence in FENCES if fence.language == "yaml" and not fence.is_mistake]
MISTAKES = [fence for fence in FENCES if fence.is_mistake]
CONSOLES = [fence for fence in FENCES if fence.language == "console"]


def ids(fence: Fence) -> str:
    return fence.id


def has_cuda() -> bool:
    return "CUDAExecutionProvider" in onnxruntime.get_available_providers()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, in which the example's files stand."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("fence", SPECS, ids=ids)
def test_examples_are_right(fence: Fence, folder: Path) -> None:
    assert render_text(findings(fence, folder)) == ""
    verify(netspec.load(fence.mark if fence.is_file else "net.yaml").graph)


@pytest.mark.parametrize("fence", MISTAKES, ids=ids)
def test_mistakes_are_what_netspec_says(fence: Fence, folder: Path) -> None:
    found = findings(fence, folder)
    worst = "error" if any(each.is_error for each in found) else "warning"
    assert found and worst == fence.mark
    assert fence.shown is not None, "a `text` fence below shows what netspec says"
    assert local(render_text(found), folder) == fence.shown.strip()


@pytest.mark.parametrize("fence", CONSOLES, ids=ids)
def test_commands_print_what_is_shown(fence: Fence, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_files(fence, folder)
    for words, shown in commands(fence):
        if "cuda" in words and has_cuda():
            pytest.skip("there is a CUDA device")
        printed = local(run(words, capsys), folder)
        assert is_shown(printed, shown), printed


def test_there_are_examples_of_every_kind() -> None:
    assert min(len(SPECS), len(MISTAKES), len(CONSOLES)) > 3


def test_the_mistake_in_the_readme_is_what_netspec_says(folder: Path) -> None:
    text = "netspec: 1\ninputs: {image: [3, 32, 32]}\nlayers:\n  - {name: b, linear: 10}\n  - {add, from: [b, image]}\n"
    (folder / "net.yaml").write_text(text)
    shown = [fence.text for fence in fences(ROOT / "README.md") if fence.text.startswith("error")]
    assert render_text(check("net.yaml").diagnostics).startswith(shown[0].rstrip())


def test_the_readme_names_the_command_that_the_gate_runs() -> None:
    """`.ci/run` takes its test command from the block behind this line."""
    readme = (ROOT / "README.md").read_text()
    assert readme.count("<!-- test command -->\n```sh\n") == 1


def test_the_op_reference_is_made_from_the_ops() -> None:
    """If it is not: `python -m netspec.compiler.reference > docs/ops.md`."""
    assert (DOCS / "ops.md").read_text() == reference()


def test_the_reference_of_data_is_made_from_the_declarations() -> None:
    """If it is not: `python -m netspec.data.reference > docs/data-reference.md`."""
    assert (DOCS / "data-reference.md").read_text() == data_reference()


def anchor(heading: str) -> str:
    """The name that a heading has in links."""
    return re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-")


def anchors(page: Path) -> set[str]:
    return {anchor(each) for each in re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_between_the_pages_leads_somewhere(page: Path) -> None:
    for target, heading in re.findall(r"\]\((?!https?:)([^)#\s]*)#?([^)\s]*)\)", page.read_text("utf-8")):
        other = page.parent / target if target else page
        assert other.exists(), target
        assert not heading or heading in anchors(other), heading


def test_the_changelog_counts_the_ops() -> None:
    assert f"- {len(ops())} ops," in (ROOT / "CHANGELOG.md").read_text("utf-8")
