"""The command line: one file per command, imported when it is called."""

from __future__ import annotations

import gc
import os
from collections.abc import Sequence


def main(args: Sequence[str] | None = None) -> None:
    """Run `netspec` and exit with its code."""
    # A check lives for a quarter of a second and makes hardly any garbage; collecting costs a tenth of that.
    gc.set_threshold(100_000, 20, 100)
    # Pydantic would look through every installed package for plugins of its own, at each start.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from netspec.cli.program import main as run

    run(args)
