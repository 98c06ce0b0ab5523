"""`netspec eval`."""

from __future__ import annotations

from pathlib import Path

import click

from netspec.cli.options import device_option
from netspec.cli.output import format_option, print_json
from netspec.cli.reading import Reading, reading_options, workers_option
from netspec.cli.runs import spec_and_weights
from netspec.data.readers import Split
from netspec.diagnostics import ModelError


@click.command("eval")
@click.argument("run_or_spec")
@click.option("--weights", type=click.Path(dir_okay=False, path_type=Path), help="A safetensors file.")
@click.option("--split", type=click.Choice(["train", "validation", "test"]), default="test", help="Which data.")
@device_option("auto")
@workers_option
@reading_options
@format_option
def command(
    run_or_spec: str,
    weights: Path | None,
    split: Split,
    device: str,
    workers: int | None,
    reading: Reading,
    format_: str,
) -> None:
    """Measure a run, or a spec with --weights, on a split of its data.

    Example: netspec eval runs/first --split validation
    """
    spec, found = spec_and_weights(run_or_spec, weights, reading)
    if found is None:
        raise ModelError.at(run_or_spec, "weights", "a spec has no weights", help="name a run, or add --weights FILE")
    from netspec.training.evaluate import evaluate

    metrics = evaluate(spec, found, split=split, device=device, workers=workers)
    if format_ == "json":
        print_json({"split": split, "weights": str(found), "settings": list(spec.settings), "metrics": metrics})
        return
    for name, value in metrics.items():
        click.echo(f"{name}: {value:.4f}")
