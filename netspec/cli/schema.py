"""`netspec schema`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from netspec import atomic


@click.command("schema")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@click.option("--format", "format_", type=click.Choice(["json"]), default="json", help="A schema is JSON.")
def command(output: Path | None, format_: str) -> None:
    """Print the JSON Schema (draft-07) of the language, for editors.

    Example: netspec schema -o netspec.schema.json
    """
    from netspec.compiler.schema import json_schema
    from netspec.data.preprocess.schema import preprocess_schema
    from netspec.deploy.schema import export_schema
    from netspec.training.schema import train_schema

    found = json_schema(train=train_schema(), preprocess=preprocess_schema(), export=export_schema())
    text = json.dumps(found, indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
    else:
        atomic.write(output, text)
        click.echo(f"wrote {output}", err=True)
