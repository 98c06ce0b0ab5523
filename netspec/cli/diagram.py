"""`netspec diagram`."""

from __future__ import annotations

from pathlib import Path

import click

from netspec import atomic
from netspec.backends.diagram import FORMATS, MAX_STEPS, draw
from netspec.backends.diagram import unroll as unrolled
from netspec.cli.options import COUNT
from netspec.cli.output import print_diagnostics
from netspec.cli.reading import Reading, reading_options


@click.command("diagram")
@click.argument("spec")
@click.option(
    "-o", "--output", required=True, help="FILE.svg, FILE.html, FILE.mmd or FILE.dot; `-` is the standard output."
)
@click.option("--to", "form", type=click.Choice(FORMATS), help="In place of the file's ending.")
@click.option("--depth", type=COUNT, default=1, help="Unfold blocks down to this depth; 1: none.")
@click.option("--unroll", type=click.IntRange(1, MAX_STEPS), help="Unroll in time, over so many steps (SVG).")
@reading_options
def command(spec: str, output: str, form: str | None, depth: int, unroll: int | None, reading: Reading) -> None:
    """Draw SPEC: blocks folded, repeats drawn once, shapes on the edges.

    Example: netspec diagram resnet50 --depth 2 -o resnet50.html
    """
    chosen = form or Path(output).suffix.removeprefix(".").lower()
    if chosen not in FORMATS:
        endings = ", ".join(f".{each}" for each in FORMATS)
        raise click.UsageError(f"the picture's form: name a file that ends in {endings}, or say --to")
    if unroll is not None and chosen != "svg":
        raise click.UsageError(f"an unrolled network is drawn as svg, not as {chosen}")
    loaded = reading.load(spec)
    print_diagnostics(loaded.warnings)
    if unroll is not None:
        _write(output, unrolled(loaded.graph, unroll, subtitle=loaded.document.doc))
        return
    picture = draw(loaded.graph, chosen, depth=depth, subtitle=loaded.document.doc)
    for note in picture.notes:
        click.echo(note, err=True)
    _write(output, picture.text)


def _write(output: str, text: str) -> None:
    if output == "-":
        click.echo(text, nl=False)
    else:
        atomic.write(Path(output), text)
        click.echo(f"wrote {output}", err=True)
