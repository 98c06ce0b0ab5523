"""The command line: one file per command, imported when it is called."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from types import ModuleType


def main(args: Sequence[str] | None = None) -> None:
    """Run `netspec` and exit with its code."""
    # A check lives for a quarter of a second and makes hardly any garbage; collecting costs a tenth of that.
    gc.set_threshold(100_000, 20, 100)
    _without_plugins()
    from netspec.cli.program import main as run

    try:
        run(args)
    finally:
        # The process ends: to search all that was imported for garbage once more is a twentieth of a check.
        gc.freeze()


def _without_plugins() -> None:
    """Spare pydantic the search for plugins of its own through every installed package, and the imports for it.

    Its setting for this (PYDANTIC_DISABLE_PLUGINS) is asked only after the imports, a twentieth of a check. Should
    pydantic look elsewhere one day, it only takes that time again.
    """
    loader = ModuleType("pydantic.plugin._loader")
    vars(loader)["get_plugins"] = tuple
    sys.modules.setdefault(loader.__name__, loader)
