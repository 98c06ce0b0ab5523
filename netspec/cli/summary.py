"""`netspec summary`."""

from __future__ import annotations

import click

from netspec.cli.options import COUNT
from netspec.cli.output import bytes_text, format_option, print_diagnostics, print_json, shape_text, table
from netspec.cli.reading import Reading, reading_options
from netspec.compiler.analyses import Layer, Totals, layers, totals
from netspec.compiler.outline import Line, outline
from netspec.ir import Input, Size


@click.command("summary")
@click.argument("spec")
@click.option("--depth", type=COUNT, help="Show blocks down to this depth; 1: as one line each.")
@click.option("--batch", type=COUNT, default=1, help="The batch size that memory is given for.")
@reading_options
@format_option
def command(spec: str, depth: int | None, batch: int, reading: Reading, format_: str) -> None:
    """Show layers, output shapes, parameters, multiply-accumulates and memory of SPEC. Equal neighbours stand once.

    Example: netspec summary resnet --set depth=101 --depth 1
    """
    loaded = reading.load(spec)
    print_diagnostics(loaded.warnings)
    sums = totals(loaded.graph, batch)
    if format_ == "json":
        rows = [_facts(row) for row in layers(loaded.graph)]
        facts = {"name": loaded.name, "settings": list(loaded.settings)}
        print_json(facts | {"layers": rows, "totals": _total_facts(sums) | {"batch": batch}})
        return
    for value in loaded.graph.inputs:
        marks = f" ({', '.join(value.marks)})" if isinstance(value, Input) else ""
        click.echo(f"{loaded.name}: {value.name} {value.type}{marks}")
    heading = ("path", "op", "output", "parameters", "MACs", "sees")
    click.echo(table([heading, *map(_cells, outline(loaded.graph, depth))], right=(3, 4)))
    click.echo("\n" + _total_text(sums, batch))


def _cells(line: Line) -> tuple[str, ...]:
    field = shape_text(line.layer.receptive_field) if line.layer and line.layer.receptive_field else ""
    counts = (f"{line.num_params:,}" if line.num_params else "", f"{line.macs:,}" if line.macs != 0 else "")
    return (indented(line), marked(line), shape_text(line.output.shape), *counts, field)


def indented(line: Line) -> str:
    """The path, moved in by its level."""
    return "  " * (line.level - 1) + line.path


def marked(line: Line) -> str:
    """What a line is, and what is special about it."""
    if line.layer is None:
        return line.what
    marks = [f"weights of {line.layer.owner}"] if line.layer.owner else []
    marks += ["frozen"] if line.layer.frozen else []
    marks += ["training only"] if line.layer.presence != "always" else []
    return f"{line.what} ({', '.join(marks)})" if marks else line.what


def _total_text(sums: Totals, batch: int) -> str:
    extra = sums.num_params_train - sums.num_params
    training = f", {extra:,} more in training" if extra else ""
    peak = (
        "" if sums.inference_bytes is None else f", {bytes_text(sums.inference_bytes)} in inference (the most at once)"
    )
    return (
        f"{sums.num_params:,} parameters ({bytes_text(sums.param_bytes)}){training}, "
        f"{sums.macs:,} MACs a sample, {sums.weight_layers} weight layers\n"
        f"activations at batch {batch}: {bytes_text(sums.activation_bytes)} in training (all are kept){peak}"
    )


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
        "explain_size": row.explain_size,
        "explain_macs": row.explain_macs,
        "presence": row.presence,
        "owner": row.owner,
        "frozen": row.frozen,
        "receptive_field": list(row.receptive_field) if row.receptive_field else None,
        "line": row.line,
    }


def _total_facts(sums: Totals) -> dict[str, Size | None]:
    return {
        "params": sums.num_params,
        "macs": sums.macs,
        "weight_layers": sums.weight_layers,
        "params_train": sums.num_params_train,
        "activation_bytes": sums.activation_bytes,
        "inference_bytes": sums.inference_bytes,
        "param_bytes": sums.param_bytes,
    }
