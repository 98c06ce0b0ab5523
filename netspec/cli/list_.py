"""`netspec list`."""

from __future__ import annotations

from typing import Any

import click

from netspec.cli.output import format_option, print_json, shape_text, table
from netspec.compiler import load
from netspec.compiler.analyses import counts
from netspec.compiler.shipped import shipped


@click.command("list")
@format_option
def command(format_: str) -> None:
    """Show the shipped specs: name, input, parameters, source.

    Example: netspec list
    """
    rows: list[dict[str, Any]] = []
    for name, path in shipped().items():
        spec = load(path)
        inputs = {value.name: list(value.type.shape) for value in spec.graph.inputs}
        params = counts(spec.graph).num_params
        rows.append({"name": name, "inputs": inputs, "params": params, "source": spec.document.origin})
    if format_ == "json":
        print_json({"specs": rows})
        return
    heading = ("name", "input", "parameters", "source")
    click.echo(table([heading, *map(_cells, rows)], right=(2,)))


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    inputs = ", ".join(shape_text(shape) for shape in row["inputs"].values())
    return (row["name"], inputs, f"{row['params']:,}", row["source"])
