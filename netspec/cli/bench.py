"""`netspec bench`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from netspec.cli.guard import guarded
from netspec.cli.options import COUNT, device_option
from netspec.cli.output import format_option, print_json, table

if TYPE_CHECKING:
    from netspec.runtime.latency import Latency


def _sizes(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for value in values:
        name, equals, size = value.partition("=")
        if not equals or not size.isdecimal() or not 0 < int(size) < 2**31:
            raise click.BadParameter(f"{value!r} is not NAME=SIZE, as in T=16", ctx, parameter)
        found[name] = int(size)
    return found


@click.command("bench")
@click.argument("model", nargs=-1, required=True, type=click.Path(dir_okay=False, path_type=Path))
@click.option("--batch-size", type=COUNT, multiple=True, default=(1, 32), help="May be repeated.")
@click.option("--size", "sizes", metavar="NAME=SIZE", multiple=True, callback=_sizes, help="Of a free axis: T=16.")
@click.option("--runs", type=COUNT, default=100, help="How often each is measured.")
@device_option("cpu")
@format_option
@guarded
def command(
    model: tuple[Path, ...],
    batch_size: tuple[int, ...],
    sizes: dict[str, int],
    runs: int,
    device: Literal["auto", "cpu", "cuda"],
    format_: str,
) -> None:
    """Measure latency and throughput of MODEL on ONNX Runtime.

    Of several models, as of one in float32 and one in int8, each run is measured in turn, and the ratio to the first is
    shown.

    Example: netspec bench net.onnx net-int8.onnx --batch-size 1
    """
    from netspec.runtime.latency import measure_all
    from netspec.runtime.predictor import Predictor

    predictors = [Predictor(each, device) for each in model]
    found = [(size, measure_all(predictors, size, runs, sizes)) for size in batch_size]
    rows = [(path, each) for _, several in found for path, each in zip(model, several, strict=True)]
    if format_ == "json":
        print_json(
            {
                "model": str(model[0]),
                "device": predictors[0].session.get_providers()[0],
                "runs": [{"model": str(path)} | asdict(each) for path, each in rows],
            }
        )
        return
    click.echo(_table(rows, several=len(model) > 1))


def _table(rows: list[tuple[Path, Latency]], several: bool) -> str:
    heading: tuple[str, ...] = ("batch", "p50 ms", "p90 ms", "p99 ms", "samples/s")
    cells: list[tuple[Any, ...]] = [
        (str(f.batch_size), f"{f.p50_ms:.3f}", f"{f.p90_ms:.3f}", f"{f.p99_ms:.3f}", f"{f.samples_per_second:,.0f}")
        for _, f in rows
    ]
    if several:
        heading = (*heading, "ratio", "model")
        cells = [(*each, f"{f.ratio:.2f}", path.name) for each, (path, f) in zip(cells, rows, strict=True)]
    return table([heading, *cells], right=range(6 if several else 5))
