"""`netspec compile`."""

from __future__ import annotations

from pathlib import Path

import click

from netspec import atomic
from netspec.cli.output import format_option, print_diagnostics, print_json
from netspec.cli.reading import Reading, reading_options
from netspec.compiler import Spec


@click.command("compile")
@click.argument("spec")
@click.option("--emit", type=click.Choice(["python", "graph", "spec"]), default="python", help="What to print.")
@click.option("--rewrites", is_flag=True, help="The form that is trained: after the rewrites that keep the function.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@reading_options
@format_option
def command(spec: str, emit: str, rewrites: bool, output: Path | None, reading: Reading, format_: str) -> None:
    """Print SPEC as plain PyTorch source (a file that imports only torch), as its typed graph, or with all resolved.

    Example: netspec compile mnist_convnet -o model.py
    """
    loaded = reading.load(spec)
    print_diagnostics(loaded.warnings)
    text = _emit(loaded, emit, rewrites)
    if output is not None:
        atomic.write(output, text)
        click.echo(f"wrote {output}", err=True)
    elif format_ == "json":
        print_json({"emit": emit, "name": loaded.name, "settings": list(loaded.settings), "text": text})
    else:
        click.echo(text, nl=False)


def _emit(spec: Spec, emit: str, rewrites: bool) -> str:
    graph = spec.graph
    if rewrites:
        from netspec.compiler.passes import rewrite

        graph = rewrite(graph)
    if emit == "graph":
        from netspec.ir.text import text

        return text(graph)
    if emit == "spec":
        from netspec.compiler.resolved import spec_text

        return spec_text(graph, spec.document, spec.weights)
    from netspec.backends.torch.source import emit as emit_python

    return emit_python(graph)
