"""Real data and published weights beside a checkout, in `shared/data` of a folder above; tests skip without them."""

from __future__ import annotations

from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent


def folder(name: str) -> Path:
    """A folder of the data; the test that asks for it is skipped where it is not there."""
    places = [each / "shared" / "data" / name for each in (_ROOT, *_ROOT.parents)]
    found = next((each for each in places if each.is_dir()), None)
    if found is None:
        pytest.skip(f"shared/data/{name} is not on this machine")
    return found
