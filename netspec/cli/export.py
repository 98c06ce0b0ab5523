"""`netspec export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import netspec
from netspec.cli.output import bytes_text, format_option, print_json
from netspec.cli.reading import Reading, reading_options
from netspec.cli.runs import spec_and_weights

if TYPE_CHECKING:
    from netspec.backends.onnx.export import ExportReport


@click.command("export")
@click.argument("run_or_spec")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="FILE.onnx")
@click.option("--weights", type=click.Path(dir_okay=False, path_type=Path), help="A safetensors file.")
@click.option("--opset", type=click.IntRange(17, 22), default=20, help="Version of ONNX's operators.")
@reading_options
@format_option
def command(run_or_spec: str, output: Path, weights: Path | None, opset: int, reading: Reading, format_: str) -> None:
    """Write an ONNX file, after ONNX Runtime was seen to compute what PyTorch computes at batch 1, 2 and 7."""
    spec, found = spec_and_weights(run_or_spec, weights, reading)
    if found is None:
        click.echo("no weights given: the file holds freshly drawn parameters", err=True)
    report = netspec.export_onnx(spec, output, weights=found, opset=opset)
    if format_ == "json":
        print_json(facts(report) | {"settings": list(spec.settings)})
    else:
        click.echo(parity_text(report))


def parity_text(report: ExportReport) -> str:
    """What was written and what was seen, in two lines."""
    places = "; ".join(dict.fromkeys(each.place for each in report.differences))
    if not any(each.sizes for each in report.differences):
        places = places.replace("; batch ", ", ")
    return (
        f"wrote {report.path}: {report.num_nodes} nodes, {bytes_text(report.size_bytes)}, opset {report.opset}\n"
        f"ONNX Runtime = PyTorch at {places}: largest difference {report.max_abs_diff:.2g}"
    )


def facts(report: ExportReport) -> dict[str, object]:
    """The report as plain data."""
    return {
        "path": str(report.path),
        "nodes": report.num_nodes,
        "bytes": report.size_bytes,
        "opset": report.opset,
        "parity": [
            {
                "output": each.output,
                "batch": each.batch,
                "sizes": dict(each.sizes),
                "max_abs_diff": each.max_abs_diff,
                "limit": each.limit,
            }
            for each in report.differences
        ],
    }
