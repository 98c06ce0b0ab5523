"""RUN_OR_SPEC: a run directory that `netspec train` made, or a spec with weights beside it."""

from __future__ import annotations

from pathlib import Path

import click

from netspec.cli.reading import Reading
from netspec.compiler import Spec
from netspec.diagnostics import ModelError
from netspec.training.record import BEST


def spec_and_weights(ref: str, weights: Path | None, reading: Reading) -> tuple[Spec, Path | None]:
    """The spec of a reference and the weights to use: those given, else the best of a run.

    Raises:
        ModelError: `weights`: a run without weights, or a file that is not there.
        SpecError, NetspecError: as `netspec.load`.
        UsageError: settings for a run, which has its own.
    """
    directory = Path(ref)
    if weights is not None and not weights.is_file():
        raise ModelError.at(str(weights), "weights", "no such file")
    if not directory.is_dir():
        return reading.load(ref), weights
    if reading.settings:
        raise click.UsageError("a run is the network that was trained: --set goes with a spec")
    found = weights or directory / BEST
    if not found.is_file():
        help = f"`netspec train` writes {BEST} into its run directory"
        raise ModelError.at(ref, "weights", f"there is no {BEST} in this directory", help=help)
    return reading.load(directory / "spec.yaml"), found
