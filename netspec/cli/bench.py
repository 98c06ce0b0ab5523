"""`netspec bench`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Literal

import click

from netspec.cli.output import format_option, print_json, table


@click.command("bench")
@click.argument("model", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--batch-size", type=click.IntRange(min=1), multiple=True, default=(1, 32), help="May be repeated.")
@click.option("--runs", type=click.IntRange(min=1), default=100)
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="cpu", envvar="NETSPEC_DEVICE")
@format_option
def command(
    model: Path, batch_size: tuple[int, ...], runs: int, device: Literal["auto", "cpu", "cuda"], format_: str
) -> None:
    """Measure latency and throughput of MODEL on ONNX Runtime."""
    from netspec.runtime.latency import measure
    from netspec.runtime.predictor import Predictor

    predictor = Predictor(model, device)
    found = [measure(predictor, size, runs) for size in batch_size]
    if format_ == "json":
        print_json(
            {"model": str(model), "device": predictor.session.get_providers()[0], "runs": [asdict(f) for f in found]}
        )
        return
    heading = ("batch", "p50 ms", "p90 ms", "p99 ms", "samples/s")
    cells = [
        (str(f.batch_size), f"{f.p50_ms:.3f}", f"{f.p90_ms:.3f}", f"{f.p99_ms:.3f}", f"{f.samples_per_second:,.0f}")
        for f in found
    ]
    click.echo(table([heading, *cells], right=range(5)))
