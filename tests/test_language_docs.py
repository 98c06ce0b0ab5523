"""docs/language.md has every key, and the list of what is missing every word that is refused as missing."""

import pytest

from netspec.data import readers
from netspec.data.preprocess import steps
from netspec.deploy import settings as export_settings
from netspec.lang import structure
from netspec.lang.layers import BESIDE, MODIFIERS, STRUCTURAL
from netspec.training import losses, metrics, schedules
from netspec.training import settings as train_settings
from tests.pages import DOCS

PAGE = (DOCS / "language.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """What stands below a heading, up to the next one of its level."""
    level = title.partition(" ")[0]
    return f"\n{PAGE}".split(f"\n{title}\n")[1].split(f"\n{level} ")[0]


def words(title: str) -> set[str]:
    """What the first columns of a section's tables have in code, without values."""
    rows = [line.split("|")[1] for line in section(title).splitlines() if line.startswith("|")]
    return {part.partition(":")[0] for row in rows for part in row.split("`")[1::2]}


@pytest.mark.parametrize(
    ("title", "known"),
    [
        ("## The document", {*structure.TOP_KEYS} - structure.LATER_KEYS),
        ("## Inputs", {*structure.INPUT_KEYS}),
        ("## Layers", {*STRUCTURAL, *MODIFIERS, *(key for keys in BESIDE.values() for key in keys)}),
        ("## Blocks", {*structure.BLOCK_KEYS}),
        ("## train", train_settings.PLAIN | train_settings.OTHER),
        ("## export", export_settings.PLAIN | export_settings.OTHER),
    ],
)
def test_every_key_is_in_its_table(title: str, known: set[str]) -> None:
    assert known <= words(title)


def test_what_is_missing_is_what_is_refused_as_missing() -> None:
    later = (structure.LATER_KEYS, readers.LATER, steps.LATER, losses.LATER, metrics.LATER, schedules.LATER)
    assert words("## Not in this release") == frozenset().union(*later)
