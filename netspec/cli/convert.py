"""`netspec convert`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from netspec.cli.output import bytes_text, format_option, print_json

if TYPE_CHECKING:
    from netspec.weights.stored import Stored

DANGER = (
    "{} may be a PyTorch checkpoint: a pickle, which can run code on this machine. If you trust where it comes from, "
    "add --trust; it is then read as plain tensors, in a process of its own"
)


@click.command("convert")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--trust", is_flag=True, help="Read FILE even if it is a pickle.")
@click.option("--rename", "renames", metavar="OLD=NEW", multiple=True, help="A prefix of names; `*` stands for a part.")
@click.option("--dtype", type=click.Choice(["float32", "float64", "float16", "bfloat16"]), help="Convert all floats.")
@format_option
def command(file: Path, output: Path, trust: bool, renames: tuple[str, ...], dtype: str | None, format_: str) -> None:
    """Convert weights: FILE.pth (with --trust), .safetensors or .npz to OUTPUT.safetensors or OUTPUT.npz.

    Of a checkpoint the `state_dict` (or `model`) is taken, and a leading `module.` of all names is dropped.

    Example: netspec convert resnet20.th resnet20.safetensors --trust
    """
    from netspec.weights.convert import cast, renamed
    from netspec.weights.write import write_weights

    with _opened(file, trust) as tensors:
        found = renamed(tensors, renames, str(file))
        write_weights(cast(found, dtype) if dtype else found, output)
        count = len(found)
    size = output.stat().st_size
    if format_ == "json":
        print_json({"path": str(output), "tensors": count, "bytes": size})
    else:
        click.echo(f"wrote {output}: {count:,} tensors, {bytes_text(size)}")


@contextmanager
def _opened(file: Path, trust: bool) -> Iterator[dict[str, Stored]]:
    """The tensors of a file of any kind; a pickle is asked for explicitly."""
    from netspec.weights.checkpoint import open_checkpoint
    from netspec.weights.read import is_pickled, open_weights

    if is_pickled(file):
        if not trust:
            raise click.UsageError(DANGER.format(file))
        with open_checkpoint(file) as tensors:
            yield tensors
    else:
        with open_weights(file) as tensors:
            yield tensors
