"""`netspec train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import netspec
from netspec.cli.options import Amount, device_option
from netspec.cli.output import format_option, print_diagnostics, print_json, progress_wanted
from netspec.cli.reading import Reading, reading_options, workers_option
from netspec.compiler import Spec
from netspec.training.checkpoints.pace import EVERY_SECONDS

if TYPE_CHECKING:
    from netspec.training.staged import Observing


@click.command("train")
@click.argument("spec", required=False)
@device_option("auto")
@click.option("--seed", type=click.IntRange(min=0), help="In place of the spec's.")
@click.option("-o", "--output", type=click.Path(file_okay=False, path_type=Path), help="The run directory.")
@click.option(
    "--resume",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="RUN",
    help="Go on with a run, or from one of its checkpoints. SPEC is its own unless given.",
)
@click.option(
    "--checkpoint-every",
    type=Amount(min=0),
    default=EVERY_SECONDS,
    metavar="SECONDS",
    help="How often the state is saved; 0: after every step.",
)
@click.option("--probe", type=click.Choice(["gradients"]), help="Record and draw every layer's gradients.")
@click.option("--no-rewrite", is_flag=True, help="Train the network exactly as written.")
@workers_option
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@reading_options
@format_option
def command(
    spec: str | None,
    device: str,
    seed: int | None,
    output: Path | None,
    resume: Path | None,
    checkpoint_every: float,
    probe: str | None,
    no_rewrite: bool,
    workers: int | None,
    quiet: bool,
    reading: Reading,
    format_: str,
) -> None:
    """Train SPEC by its train section. The run directory holds weights, metrics, pictures, and what was set.

    SIGTERM and Ctrl-C finish the step and save; --resume goes on as if nothing had been.

    Example: netspec train mnist_convnet --set train.epochs=2 -o runs/short
    """
    loaded = _loaded(spec, resume, output, reading)
    print_diagnostics(loaded.warnings)
    run = netspec.train(
        loaded,
        device=device,
        seed=seed,
        directory=output,
        rewrite=False if no_rewrite else None,
        workers=workers,
        progress=progress_wanted(quiet),
        resume=resume,
        checkpoint_seconds=checkpoint_every,
        warn=print_diagnostics,
        observing=_observing(probe),
    )
    if format_ == "json":
        facts = {"directory": str(run.directory), "settings": list(loaded.settings)}
        print_json(facts | {"metrics": run.metrics, "cpu_seconds": run.cpu_seconds})
        return
    for name, value in run.metrics.items():
        click.echo(f"{name}: {value:.4f}")
    click.echo(f"run: {run.directory}")


def _loaded(spec: str | None, resume: Path | None, output: Path | None, reading: Reading) -> Spec:
    """The spec to be trained.

    Raises:
        UsageError: there is none, or a new directory is wanted for a run that is there.
    """
    if resume is not None and output is not None:
        raise click.UsageError("--resume goes on in the run's own directory; --output is for a new run")
    if spec is not None:
        return reading.load(spec)
    if resume is None:
        raise click.UsageError("name a SPEC, or a run with --resume")
    from netspec.training.resume import spec_of_run

    return spec_of_run(resume, reading.settings, reading.limits, reading.allowed)


def _observing(probe: str | None) -> Observing | None:
    if probe is None:
        return None
    from netspec.training.probe import GradientProbe

    return GradientProbe.observing
