"""The documents are part of the product: every example in them is run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netspec.compiler import compile_source
from netspec.compiler.reference import reference
from netspec.diagnostics import Report, Source, SpecError
from netspec.diagnostics.text import render_text
from netspec.ir.verify import verify
from netspec.training.plan import plan

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)


EXAMPLES = [(page.name, i, text) for page in PAGES for i, text in enumerate(blocks(page, "yaml"))]


@pytest.mark.parametrize("text", [text for _, _, text in EXAMPLES], ids=[f"{name}-{i}" for name, i, _ in EXAMPLES])
def test_examples_are_valid_specs(text: str) -> None:
    spec = compile_source(Source("example.yaml", text))
    verify(spec.graph)
    report = Report()
    plan(spec, report)
    assert not [*spec.warnings, *report]


def test_the_mistake_in_the_readme_is_what_netspec_says() -> None:
    text = "netspec: 1\ninputs: {image: [3, 32, 32]}\nlayers:\n  - {name: b, linear: 10}\n  - {add, from: [b, image]}\n"
    with pytest.raises(SpecError) as caught:
        compile_source(Source("net.yaml", text))
    shown = [block for block in blocks(ROOT / "README.md", "") if block.startswith("error")]
    assert render_text(caught.value.diagnostics).startswith(shown[0].rstrip())


def test_the_readme_names_the_command_that_the_gate_runs() -> None:
    """`.ci/run` takes its test command from the block behind this line."""
    readme = (ROOT / "README.md").read_text()
    assert readme.count("<!-- test command -->\n```sh\n") == 1


def test_the_op_reference_is_made_from_the_ops() -> None:
    """If it is not: `python -m netspec.compiler.reference > docs/ops.md`."""
    assert (ROOT / "docs" / "ops.md").read_text() == reference()
