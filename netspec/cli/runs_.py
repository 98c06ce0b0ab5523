"""`netspec runs`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from netspec.cli.output import format_option, print_diagnostics, print_json, table
from netspec.diagnostics import ModelError, NetspecError
from netspec.training.history import PastRun, compare, runs_below
from netspec.training.record import is_run

RUNS = Path("runs")
#: Columns of metrics, and fields that differ, which are printed; the JSON document has all.
MAX_METRICS = 4
MAX_FIELDS = 40


@click.command("runs")
@click.argument("places", nargs=-1, metavar="[RUN_OR_FOLDER]...", type=click.Path(path_type=Path))
@click.option("--verify", is_flag=True, help="Look at every file of weights and every checkpoint; 1 if one is damaged.")
@format_option
def command(places: tuple[Path, ...], verify: bool, format_: str) -> int:
    """List the runs in `runs`, or in other folders; where several runs are named, show in what they differ.

    Example: netspec runs runs/first runs/second
    """
    runs = [PastRun.read(path) for path in _found(places or (RUNS,))]
    fields = compare(runs) if len(places) > 1 and all(map(is_run, places)) else {}
    damage = [error for run in runs for error in run.damage()] if verify else []
    if format_ == "json":
        _print_json(runs, fields, damage)
    else:
        click.echo(_text(runs, fields))
        for error in damage:
            print_diagnostics(error.diagnostics)
        if verify and not damage:
            click.echo("every file is as it was written")
    return 1 if damage else 0


def _found(places: Sequence[Path]) -> list[Path]:
    found = [path for place in places for path in ([place] if is_run(place) else runs_below(place))]
    if not found:
        place = str(places[0])
        raise NetspecError.at(place, "checkpoint", "there is no run in this directory", help="netspec train makes one")
    return list(dict.fromkeys(found))


def _print_json(runs: Sequence[PastRun], fields: dict[str, list[str]], damage: Sequence[ModelError]) -> None:
    known: dict[str, Any] = {"runs": [run.as_json() for run in runs], "differences": fields}
    told = [{"file": each.place, "message": each.message} for error in damage for each in error.diagnostics]
    print_json(known | {"damage": told, "ok": not damage})


def _text(runs: Sequence[PastRun], fields: dict[str, list[str]]) -> str:
    names = list(dict.fromkeys(name for run in runs for name in run.metrics))
    shown = ([name for name in names if name.startswith("validation_")] or names)[:MAX_METRICS]
    heading = ("run", "spec", "status", "step", "epoch", "minutes", *shown)
    parts = [table([heading, *(_cells(run, shown) for run in runs)], right=range(3, len(heading)))]
    if fields:
        rows = [(name, *values) for name, values in list(fields.items())[:MAX_FIELDS]]
        parts += ["", table([("differs in", *(str(run.directory) for run in runs)), *rows])]
        parts += [f"and {len(fields) - MAX_FIELDS:,} more"] if len(fields) > MAX_FIELDS else []
    return "\n".join(parts)


def _cells(run: PastRun, metrics: Sequence[str]) -> tuple[str, ...]:
    facts = run.as_json()
    numbers = [f"{run.metrics[name]:.4f}" if name in run.metrics else "" for name in metrics]
    minutes = f"{facts['seconds'] / 60:.1f}" if facts["seconds"] is not None else ""
    times = ("" if facts[name] is None else f"{facts[name]:,g}" for name in ("step", "epoch"))
    return (str(run.directory), str(facts["spec"]), run.status, *times, minutes, *numbers)
