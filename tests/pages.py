"""The pages of the documentation: what stands in their fences, and what netspec says to it.

| fence | meaning |
|---|---|
| `yaml` | a whole spec that is right |
| `yaml error`, `yaml warning` | a whole spec; the `text` fence after it is what netspec says |
| `yaml NAME`, `text NAME`, `hex NAME` | a file that the examples below it on the page can read; a spec is right |
| `console` | commands behind `$ `, each with all that it prints, where `...` stands for anything |
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from netspec.api import check
from netspec.cli.program import main
from netspec.diagnostics import Diagnostic

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# The name under which examples are checked.
SPEC = "net.yaml"


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block of a page, with the word behind its language."""

    page: Path
    index: int
    language: str
    mark: str
    text: str
    # The fence after it, where that is plain text.
    shown: str | None = None

    @property
    def id(self) -> str:
        """Its name among the tests."""
        return f"{self.page.relative_to(ROOT)}-{self.index}"

    @property
    def is_mistake(self) -> bool:
        """Whether a diagnostic is what it is there for."""
        return self.language == "yaml" and self.mark in ("error", "warning")

    @property
    def is_file(self) -> bool:
        """Whether the examples below can read it."""
        return "." in self.mark


def fences(page: Path) -> list[Fence]:
    """Every fence of a page, in order."""
    found = [(*head.partition(" "), text) for head, text in _FENCE.findall(page.read_text("utf-8"))]
    after = [text if head == "text" and not mark else None for head, _, mark, text in found[1:]]
    return [
        Fence(page, index, head, mark, text, shown)
        for index, ((head, _, mark, text), shown) in enumerate(zip(found, [*after, None], strict=False))
    ]


def all_fences() -> Iterator[Fence]:
    """Every fence of every page."""
    for page in PAGES:
        yield from fences(page)


def write_files(fence: Fence, folder: Path) -> None:
    """Write the files that stand above a fence, and the last spec above it as `net.yaml`."""
    for other in fences(fence.page)[: fence.index]:
        if other.is_file:
            content = bytes.fromhex(other.text) if other.language == "hex" else other.text.encode()
            (folder / other.mark).parent.mkdir(parents=True, exist_ok=True)
            (folder / other.mark).write_bytes(content)
        elif other.language == "yaml":
            (folder / SPEC).write_text(other.text, "utf-8")


def findings(fence: Fence, folder: Path) -> tuple[Diagnostic, ...]:
    """What netspec finds in a spec that stands in `folder`, which is the current one."""
    write_files(fence, folder)
    name = fence.mark if fence.is_file else SPEC
    (folder / name).write_text(fence.text, "utf-8")
    return check(name).diagnostics


def commands(fence: Fence) -> Iterator[tuple[list[str], str]]:
    """The commands of a console with what each prints."""
    for part in re.split(r"^\$ ", fence.text, flags=re.MULTILINE)[1:]:
        line, _, printed = part.partition("\n")
        yield shlex.split(line), printed


def run(words: list[str], capture: pytest.CaptureFixture[str]) -> str:
    """What a command of netspec prints: diagnostics first."""
    assert words[0] == "netspec"
    capture.readouterr()
    with pytest.raises(SystemExit):
        main(words[1:])
    out, err = capture.readouterr()
    return err + out


def local(text: str, folder: Path) -> str:
    """A text with paths in `folder` as seen from there."""
    places = {str(folder.resolve()), str(folder)}
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(f"{place}/", "").replace(place, "/project")
    return text.strip()


def is_shown(printed: str, shown: str) -> bool:
    """Whether a page shows what was printed; `...` on the page stands for anything."""
    pattern = ".*".join(map(re.escape, shown.strip().split("...")))
    return re.fullmatch(pattern, printed, re.DOTALL) is not None
