"""`netspec train`."""

from __future__ import annotations

from pathlib import Path

import click

import netspec
from netspec.cli.output import format_option, print_diagnostics, print_json, progress_wanted
from netspec.cli.reading import Reading, reading_options


@click.command("train")
@click.argument("spec")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", envvar="NETSPEC_DEVICE")
@click.option("--seed", type=click.IntRange(min=0), help="In place of the spec's.")
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="The run directory.")
@click.option("--no-rewrite", is_flag=True, help="Train the network exactly as written.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@reading_options
@format_option
def command(
    spec: str,
    device: str,
    seed: int | None,
    output: Path | None,
    no_rewrite: bool,
    quiet: bool,
    reading: Reading,
    format_: str,
) -> None:
    """Train SPEC by its train section. The run directory holds weights, metrics, pictures, and what was set."""
    loaded = reading.load(spec)
    print_diagnostics(loaded.warnings)
    run = netspec.train(
        loaded,
        device=device,
        seed=seed,
        directory=output,
        rewrite=not no_rewrite,
        progress=progress_wanted(quiet),
    )
    if format_ == "json":
        facts = {"directory": str(run.directory), "settings": list(loaded.settings)}
        print_json(facts | {"metrics": run.metrics, "cpu_seconds": run.cpu_seconds})
        return
    for name, value in run.metrics.items():
        click.echo(f"{name}: {value:.4f}")
    click.echo(f"run: {run.directory}")
