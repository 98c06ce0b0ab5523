"""`netspec summary`."""

from __future__ import annotations

import click

import netspec
from netspec.cli.output import bytes_text, format_option, print_diagnostics, print_json, shape_text, table
from netspec.compiler.analyses import Layer, Totals, layers, totals
from netspec.ir import Size


@click.command("summary")
@click.argument("spec")
@format_option
def command(spec: str, format_: str) -> None:
    """Show layers, output shapes, parameters, multiply-accumulates and memory of SPEC."""
    loaded = netspec.load(spec)
    print_diagnostics(loaded.warnings)
    rows, sums = layers(loaded.graph), totals(loaded.graph)
    if format_ == "json":
        print_json({"name": loaded.name, "layers": [_facts(row) for row in rows], "totals": _total_facts(sums)})
        return
    for value in loaded.graph.inputs:
        click.echo(f"{loaded.name}: {value.name} {value.type}")
    heading = ("path", "op", "output", "parameters", "MACs", "sees")
    click.echo(table([heading, *(_cells(row) for row in rows)], right=(3, 4)))
    click.echo(f"\n{sums.num_params:,} parameters ({bytes_text(sums.param_bytes)}), {sums.macs:,} MACs a sample,")
    click.echo(
        f"{bytes_text(sums.activation_bytes)} of activations a sample in training, {sums.weight_layers} weight layers"
    )


def _cells(row: Layer) -> tuple[str, ...]:
    field = shape_text(row.receptive_field) if row.receptive_field else ""
    counts = (f"{row.num_params:,}" if row.num_params else "", f"{row.macs:,}" if row.macs != 0 else "")
    return (row.path, row.op, shape_text(row.output.shape), *counts, field)


def _facts(row: Layer) -> dict[str, object]:
    return {
        "path": row.path,
        "op": row.op,
        "attributes": {
            key: list(value) if isinstance(value, tuple) else value for key, value in row.attributes.items()
        },
        "inputs": [list(each.shape) for each in row.inputs],
        "output": list(row.output.shape),
        "dtype": row.output.dtype.value,
        "params": row.num_params,
        "macs": row.macs,
        "explain": row.explain,
        "receptive_field": list(row.receptive_field) if row.receptive_field else None,
        "line": row.line,
    }


def _total_facts(sums: Totals) -> dict[str, Size]:
    return {
        "params": sums.num_params,
        "macs": sums.macs,
        "weight_layers": sums.weight_layers,
        "activation_bytes": sums.activation_bytes,
        "param_bytes": sums.param_bytes,
    }
