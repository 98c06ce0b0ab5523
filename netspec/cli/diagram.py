"""`netspec diagram`."""

from __future__ import annotations

from pathlib import Path

import click

from netspec import atomic
from netspec.backends.diagram import FORMATS, draw
from netspec.cli.output import print_diagnostics
from netspec.cli.reading import Reading, reading_options


@click.command("diagram")
@click.argument("spec")
@click.option(
    "-o", "--output", required=True, help="FILE.svg, FILE.html, FILE.mmd or FILE.dot; `-` is the standard output."
)
@click.option("--to", "form", type=click.Choice(FORMATS), help="In place of the file's ending.")
@click.option("--depth", type=click.IntRange(min=1), default=1, help="Unfold blocks down to this depth; 1: none.")
@reading_options
def command(spec: str, output: str, form: str | None, depth: int, reading: Reading) -> None:
    """Draw SPEC: blocks folded, repeats drawn once, shapes on the edges."""
    chosen = form or Path(output).suffix.removeprefix(".").lower()
    if chosen not in FORMATS:
        endings = ", ".join(f".{each}" for each in FORMATS)
        raise click.UsageError(f"the picture's form: name a file that ends in {endings}, or say --to")
    loaded = reading.load(spec)
    print_diagnostics(loaded.warnings)
    picture = draw(loaded.graph, chosen, depth=depth, subtitle=loaded.document.doc)
    for note in picture.notes:
        click.echo(note, err=True)
    if output == "-":
        click.echo(picture.text, nl=False)
    else:
        atomic.write(Path(output), picture.text)
        click.echo(f"wrote {output}", err=True)
