"""The `netspec` program: its commands, its exit codes (see `program`), and the one place where errors become words."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

import netspec
from netspec.diagnostics import NetspecError
from netspec.diagnostics.errors import says_memory_ran_out

# Name -> what `netspec --help` says of it; the command is `command` in the module of that name.
COMMANDS = {
    "list": "Show the shipped specs.",
    "check": "Check specs: every mistake with its place, without importing torch.",
    "summary": "Show layers, shapes, parameters, multiply-accumulates and memory.",
    "diagram": "Draw the network: SVG, HTML, Mermaid or DOT.",
    "diff": "Compare two networks: layers, shapes, parameters, transferable weights.",
    "compile": "Print plain PyTorch source, the typed graph, or the resolved spec.",
    "train": "Train by the spec's train section.",
    "runs": "List and compare runs, and look whether their files are whole.",
    "eval": "Measure a trained network on a split.",
    "export": "Write an ONNX file, proven to compute what PyTorch computes.",
    "convert": "Convert weights between formats; PyTorch checkpoints with --trust.",
    "run": "Predict with ONNX Runtime.",
    "bench": "Measure latency and throughput on ONNX Runtime.",
    "demo": "Check, train, export, prove and run the lecture's ConvNet on MNIST.",
    "schema": "Print the JSON Schema of the language, for editors.",
}
# Words that are also names in Python stand in files with a trailing underscore.
_MODULES = {name: name for name in COMMANDS} | {
    "list": "list_",
    "compile": "compile_",
    "eval": "eval_",
    "runs": "runs_",
}

INTERRUPTED = 130
LESS_MEMORY = "smaller batches take less; `netspec summary SPEC --batch N` shows how much"
BUG = 70


class Commands(click.Group):
    """Imports a command's file when the command is called or asked for help, and not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of work."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        from importlib import import_module  # only modules named in the table above

        command: click.Command = import_module(f"netspec.cli.{_MODULES[cmd_name]}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command, or a usage error with the nearest one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from netspec.diagnostics.suggest import did_you_mean

            known = did_you_mean(args[0], COMMANDS) or "`netspec --help` shows them"
            ctx.fail(f"no command is called {args[0]!r}; {known}")
        return super().resolve_command(ctx, args)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
@click.version_option(netspec.__version__, prog_name="netspec")
@click.option("--debug", is_flag=True, help="Show tracebacks.")
@click.pass_context
def program(ctx: click.Context, debug: bool) -> None:
    """A declarative YAML-to-network compiler: check, train, export with proof, run.

    SPEC is a path, `-` for the standard input, or the name of a shipped spec (see `netspec list`).

    Exit codes: 0 fine; 1 the spec, the data or the model is wrong; 2 usage; 69 not available here; 70 a bug in netspec;
    75 stopped, and can be resumed; 130 interrupted.

    Example: netspec check mnist_convnet
    """
    ctx.obj = {**(ctx.obj or {}), "debug": debug}


def main(args: Sequence[str] | None = None) -> None:
    """Run the program and exit with its code."""
    words = list(sys.argv[1:] if args is None else args)
    _open_streams()
    _end_cleanly()
    sys.exit(run(words))


def _end_cleanly() -> None:
    """SIGTERM and SIGHUP end a command as Ctrl-C does, so that no temporary file and no child process stays."""
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # not every system has both
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)


def _open_streams() -> None:
    """Streams that take every text, also where they were closed."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115  # until the end
        elif isinstance(stream, io.TextIOWrapper):
            # Names of files are bytes, and a terminal may know ASCII alone: what it cannot show is escaped.
            stream.reconfigure(errors="backslashreplace")


def run(words: list[str], *, limited: bool = False) -> int:
    """Run a command line and give its exit code; `limited` says that this process has limits already."""
    known = {"words": words, "limited": limited}
    try:
        result: Any = program.main(words, prog_name="netspec", standalone_mode=False, obj=known)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort) as error:
        # Click turns the one into the other; an interrupted training run says where its weights are.
        cause = error if isinstance(error, KeyboardInterrupt) else error.__cause__
        with suppress(OSError):  # the terminal may be what has gone
            click.echo(str(cause or "") or "interrupted", err=True)
        return getattr(cause, "exit_code", INTERRUPTED)
    except BrokenPipeError:
        # Who read our output has gone; closing stdout now keeps the interpreter from complaining at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if "--debug" in words:
            raise
        return _tell(error, words)


def _tell(error: Exception, words: Sequence[str]) -> int:
    """Say what went wrong and give the exit code; whatever has no words is a bug, and the user is told so."""
    found = _in_words(error)
    if found is None:
        click.echo(f"netspec: a bug in netspec: {type(error).__name__}: {error}", err=True)
        click.echo("please report it with the spec; --debug before the command shows the traceback", err=True)
        return BUG
    from netspec.cli.output import print_failure  # here, not above: `--help` writes none of it

    print_failure(found, words)
    return found.exit_code


def _in_words(error: Exception) -> NetspecError | None:
    """The error that a user can mend, if it is one: of netspec, of the system, or for want of memory."""
    if isinstance(error, NetspecError):
        return error
    if isinstance(error, OSError):
        reason = (error.strerror or type(error).__name__).lower()
        return NetspecError.at(str(error.filename or "-"), "unreadable", f"cannot use it: {reason}")
    if says_memory_ran_out(error):
        notes = filter(None, [str(error)])
        return NetspecError.at("memory", "out-of-memory", "memory ran out", notes=notes, help=LESS_MEMORY)
    return None
