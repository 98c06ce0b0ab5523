"""`netspec export`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

import netspec
from netspec.cli.output import bytes_text, format_option, print_json
from netspec.cli.reading import Reading, reading_options
from netspec.cli.runs import spec_and_weights
from netspec.deploy.settings import PRECISIONS, Precision
from netspec.ops.lowering import OPSETS

if TYPE_CHECKING:
    from netspec.backends.onnx.export import ExportReport


@click.command("export")
@click.argument("run_or_spec")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="FILE.onnx")
@click.option("--weights", type=click.Path(dir_okay=False, path_type=Path), help="A safetensors file.")
@click.option("--precision", type=click.Choice(PRECISIONS), help="In place of the section's.")
@click.option("--step", is_flag=True, help="One step of a recurrent network; its states are inputs and outputs.")
@click.option(
    "--opset",
    type=click.IntRange(OPSETS[0], OPSETS[-1]),
    help="Version of ONNX's operators; 20, if the spec says nothing.",
)
@reading_options
@format_option
def command(
    run_or_spec: str,
    output: Path,
    weights: Path | None,
    precision: Precision | None,
    step: bool,
    opset: int | None,
    reading: Reading,
    format_: str,
) -> None:
    """Write an ONNX file, after ONNX Runtime was seen to compute what PyTorch computes at batch 1, 2 and 7.

    The spec's `export:` section says what else: parts, preprocessing, labels, int8.

    Example: netspec export runs/first -o net.onnx
    """
    spec, found = spec_and_weights(run_or_spec, weights, reading)
    if found is None:
        click.echo("no weights given: the file holds freshly drawn parameters", err=True)
    report = netspec.export_onnx(spec, output, weights=found, opset=opset, precision=precision, step=step)
    if format_ == "json":
        print_json(
            facts(report) | {"others": [facts(each) for each in report.others]} | {"settings": list(spec.settings)}
        )
    else:
        click.echo("\n".join(parity_text(each) for each in (report, *report.others)))


def parity_text(report: ExportReport) -> str:
    """What was written and what was seen, a line each."""
    places = "; ".join(dict.fromkeys(each.place for each in report.differences))
    if not any(each.sizes for each in report.differences):
        places = places.replace("; batch ", ", ")
    lines = [
        f"wrote {report.path}: {report.num_nodes} nodes, {bytes_text(report.size_bytes)}, opset {report.opset}",
        f"ONNX Runtime = PyTorch at {places}: largest difference {report.max_abs_diff:.2g}",
    ]
    if report.external is not None:
        lines.append(f"weights in {report.external.name}, which belongs to it")
    if "float16_max_abs_diff" in report.facts:
        lines.append(f"float16 = float32: largest difference {report.facts['float16_max_abs_diff']:.2g}")
    if (gate := report.facts.get("int8")) is not None:
        lines.append(
            f"int8, calibrated on {gate['calibrated_on']:,} samples: {gate['metric']} of {gate['samples']:,} others "
            f"{gate['int8']:.4g}, in float32 {gate['float32']:.4g}"
        )
    return "\n".join(lines)


def facts(report: ExportReport) -> dict[str, object]:
    """The report as plain data."""
    return {
        "path": str(report.path),
        "nodes": report.num_nodes,
        "bytes": report.size_bytes,
        "opset": report.opset,
        "external": str(report.external) if report.external is not None else None,
        **report.facts,
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
