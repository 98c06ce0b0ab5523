"""`netspec check`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

import netspec
from netspec.api import CheckReport
from netspec.api import check as check_spec
from netspec.cli.output import plain_size, print_diagnostics, shape_text, table
from netspec.cli.reading import Reading, reading_options
from netspec.compiler import Spec
from netspec.compiler.analyses import counts
from netspec.diagnostics import Diagnostic, NetspecError
from netspec.ir import Size

if TYPE_CHECKING:
    from netspec.compiler.outline import Line
    from netspec.training.outline import StageLine
    from netspec.training.plan import RunPlan


@click.command("check")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@click.option("--explain", is_flag=True, help="Show the arithmetic of each layer's sizes, parameters and MACs.")
@reading_options
@click.option(
    "--format",
    "format_",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    help="Text, one JSON document, SARIF, or annotations for CI.",
)
def command(specs: tuple[str, ...], explain: bool, reading: Reading, format_: str) -> int:
    """Check specs: every mistake with its place, and what they expect of themselves. Never imports torch.

    Example: netspec check mnist_convnet --explain
    """
    reports = {ref: _check(ref, reading) for ref in specs}
    found = [diagnostic for report in reports.values() for diagnostic in report.diagnostics]
    if format_ == "text":
        _print_text(reports, found, explain)
    else:
        click.echo(_render(format_, reports, found), nl=False)
    return 0 if all(report.ok for report in reports.values()) else 1


def _check(ref: str, reading: Reading) -> CheckReport:
    """The report of one spec; a file that cannot be read must not hide what is wrong with the others."""
    try:
        return check_spec(ref, settings=reading.settings, limits=reading.limits, allowed=reading.allowed)
    except NetspecError as error:
        return CheckReport(None, error.diagnostics)


def _print_text(reports: dict[str, CheckReport], found: list[Diagnostic], explain: bool) -> None:
    print_diagnostics(found)
    for ref, report in reports.items():
        if report.spec is None:
            continue
        sums = counts(report.spec.graph)
        click.echo(f"{ref}: ok, {sums.num_params:,} parameters, {sums.macs:,} multiply-accumulates")
        _print_stages(report.training, explain)
        if explain:
            _explain(report.spec)
    sys.stdout.flush()


def _print_stages(training: RunPlan | None, explain: bool) -> None:
    """What each stage of the training does, where there are several or the reader asked."""
    if training is None or not (explain or len(training.stages) > 1):
        return
    from netspec.training.outline import listed

    for line in _stages(training):
        click.echo(f"  {line.name or 'training'}: {line.params:,} parameters, {line.trained:,} trained")
        for what in ("carried", "new", "reset", "frozen", "kept"):
            names: tuple[str, ...] = getattr(line, what)
            if names and (line.name or what == "frozen"):
                click.echo(f"    {what}: {listed(names)}")
        click.echo(f"    reads: {'; '.join(line.feeds)}")


def _stages(training: RunPlan | None) -> list[StageLine]:
    if training is None:
        return []
    from netspec.training.outline import stage_lines

    return stage_lines(training)


def _explain(spec: Spec) -> None:
    heading = ("path", "op", "output", "size", "parameters", "MACs")
    from netspec.compiler.outline import outline

    rows = table([heading, *map(_arithmetic, outline(spec.graph))])
    click.echo("\n" + "\n".join(f"  {row}" for row in rows.splitlines()) + "\n")


def _arithmetic(line: Line) -> tuple[str, ...]:
    """What is added up in a line; a run has the arithmetic of one, and its own sum."""
    from netspec.cli.summary import indented, marked

    row = line.layer
    size = row.explain_size if row else None
    params = _equation(row.explain if row else None, line.num_params, line.count)
    macs = _equation(row.explain_macs if row else None, line.macs, line.count)
    return (indented(line), marked(line), shape_text(line.output.shape), size or "", params, macs)


def _equation(arithmetic: str | None, result: Size, count: int) -> str:
    if result == 0:
        return ""
    if arithmetic is None:
        return f"{result:,}"
    return f"{count:,} * ({arithmetic}) = {result:,}" if count > 1 else f"{arithmetic} = {result:,}"


def _render(format_: str, reports: dict[str, CheckReport], found: list[Diagnostic]) -> str:
    if format_ == "sarif":
        from netspec.diagnostics.sarif import render_sarif

        return render_sarif(found, version=netspec.__version__)
    if format_ == "github":
        from netspec.diagnostics.github import render_github

        return render_github(found)
    from netspec.diagnostics.json import render_json

    specs = {ref: _facts(report) for ref, report in reports.items()}
    return render_json(found, specs=specs)


def _facts(report: CheckReport) -> dict[str, object]:
    spec = report.spec
    if spec is None:
        return {"ok": False}
    sums = counts(spec.graph)
    return {
        "ok": True,
        "name": spec.name,
        "settings": list(spec.settings),
        "params": sums.num_params,
        "macs": plain_size(sums.macs),
        **({"train": [asdict(line) for line in lines]} if (lines := _stages(report.training)) else {}),
    }
