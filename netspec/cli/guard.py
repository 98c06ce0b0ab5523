"""Commands that run model files do so in a process of their own, with limits on time, memory and output.

A model file is a program for ONNX Runtime: it may ask for terabytes, never end, or crash it. Whatever it does, this
process goes on and says so.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import wraps
from pathlib import Path
from typing import IO, Any, TypeVar, cast

import click

import netspec
from netspec.cli.options import COUNT, Amount
from netspec.diagnostics import ModelError

F = TypeVar("F", bound=Callable[..., Any])

CHILD = "netspec.cli.limited"
GIBIBYTE = 2**30
#: Without `--max-memory`: so much, or so many times the size of the files.
LEAST_BYTES = 4 * GIBIBYTE
TIMES_SIZE = 8

_OPTIONS = (
    click.option("--timeout", type=COUNT, default=600, metavar="SECONDS", help="Stop after so long."),
    click.option(
        "--max-memory",
        type=Amount(0.1, 2**30),
        metavar="GIB",
        help="At most so much memory; else 4 GiB, or 8 times the size of the files.",
    ),
    click.option("--trusted", is_flag=True, help="Run the file in this process, without limits."),
)


def guarded(command: F) -> F:
    """Give a command options for limits, and run it in a child process unless the file is trusted.

    The command has an argument `model`, a path or several, and an option `device`.
    """

    @wraps(command)
    def within_limits(*args: Any, timeout: int, max_memory: float | None, trusted: bool, **others: Any) -> Any:
        context = click.get_current_context()
        if trusted or context.obj.get("limited") or "words" not in context.obj:
            return command(*args, **others)
        models = others["model"] if isinstance(others["model"], tuple) else (others["model"],)
        # The driver of a GPU reserves address space as it likes.
        memory = _memory(models, max_memory) if others["device"] == "cpu" else 0
        return _run(context.obj["words"], ", ".join(map(str, models)), timeout, memory)

    found: Any = within_limits
    for option in reversed(_OPTIONS):
        found = option(found)
    return cast(F, found)


def _memory(models: Sequence[Path], wanted: float | None) -> int:
    if wanted is not None:
        return int(wanted * GIBIBYTE)
    size = sum(each.stat().st_size for model in models for each in _files(model))
    return max(LEAST_BYTES, TIMES_SIZE * size)


def _files(model: Path) -> list[Path]:
    """The model, and what stands beside it under its name."""
    if not model.is_file():
        return []
    return [
        model,
        *(each for each in model.parent.glob("*.data") if each.name.startswith(model.name) and each.is_file()),
    ]


def _run(words: Sequence[str], place: str, timeout: int, memory: int) -> int:
    """Run the command line in a child; its output becomes ours, its exit code is given back.

    Raises:
        ModelError: `model-file`: it was stopped, or crashed.
    """
    # -P keeps an onnxruntime.py of the current folder from being what is imported.
    command = [sys.executable, "-P", "-m", CHILD, str(memory), *words]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(packages())}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        with subprocess.Popen(command, stdout=out, stderr=errors, env=environment) as child:
            try:
                code = child.wait(timeout)
            except subprocess.TimeoutExpired:
                child.kill()
                help = "`--timeout` gives it longer"
                raise _stopped(place, f"not done after {timeout:,} seconds", help) from None
            except BaseException:  # Ctrl-C too: the child would live on
                child.kill()
                raise
        if code < 0:
            name = signal.Signals(-code).name
            more = f"it may use {memory / GIBIBYTE:.3g} GiB; `--max-memory` allows more" if memory else None
            raise _stopped(place, f"ONNX Runtime crashed while it ran the file ({name})", more)
        _copy(out, sys.stdout)
        _copy(errors, sys.stderr)
    return code


def packages() -> list[str]:
    """Where the child finds this netspec, and what else this process was told to look into."""
    told = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    return [str(Path(netspec.__file__).resolve().parents[1]), *(str(Path(each).resolve()) for each in told if each)]


def _copy(file: IO[bytes], stream: Any) -> None:
    file.seek(0)
    while chunk := file.read(2**20):
        # A character may be cut in two here; the output is ASCII but for labels.
        while chunk[-1] >= 0x80 and (more := file.read(1)):
            chunk += more
        stream.write(chunk.decode("utf-8", "replace"))


def _stopped(place: str, message: str, help: str | None) -> ModelError:
    return ModelError.at(place, "model-file", message, help=help)
