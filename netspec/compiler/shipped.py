"""The specs that netspec ships: `specs/` beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def directory() -> Path:
    """Where the shipped specs are."""
    inside = _PACKAGE / "specs"
    return inside if inside.is_dir() else _PACKAGE.parent / "specs"


def shipped() -> dict[str, Path]:
    """Every shipped spec by name, sorted by collection (the lecture's first) and name."""
    paths = sorted(directory().glob("*/*.yaml"), key=lambda path: (path.parent.name != "lecture", path.parts[-2:]))
    return {path.stem: path for path in paths}
