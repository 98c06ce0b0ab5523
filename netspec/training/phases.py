"""`schedule:` of a section: schedules one after the other, each with a warm-up and a length."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.diagnostics import Report
from netspec.lang.bind import bind
from netspec.lang.nodes import Node, Sequence, is_null
from netspec.training.schedules import LATER, SCHEDULES, Period, Schedule
from netspec.training.settings import Timing
from netspec.training.table import choose

TIMING = frozenset(info.alias or name for name, info in Timing.model_fields.items())


@dataclass(frozen=True, slots=True, repr=False)
class Phase:
    """One schedule of a list: `length` periods (None: the rest of the run), the first `warmup` of them rising."""

    schedule: Schedule
    per: Period
    warmup: int
    length: int | None


def bind_phases(node: Node | None, report: Report) -> tuple[Phase, ...] | None:
    """The schedules of a section, none where there are none; None, and a report, if one is wrong."""
    if node is None or is_null(node):
        return ()
    items = node.items if isinstance(node, Sequence) else (node,)
    phases = tuple(phase for phase in (_phase(item, report) for item in items) if phase is not None)
    if len(phases) < len(items):
        return None
    if len({phase.per for phase in phases}) > 1:
        report.error("bad-training", "schedules that follow each other count the same periods", node.span)
    for phase, item in zip(phases, items, strict=True):
        if phase.schedule.watches and (len(phases) > 1 or phase.warmup):
            message = f"{phase.schedule.name} goes by evaluations, so it stands alone and without a warm-up"
            report.error("bad-training", message, item.span)
    for phase, item in zip(phases[:-1], items, strict=False):
        if phase.length is None:
            message = "a schedule that another one follows needs `for`, its number of periods"
            report.error("missing-key", message, item.span)
    return phases


def _phase(node: Node, report: Report) -> Phase | None:
    found = choose(node, SCHEDULES, report, "schedule", beside=TIMING, later=LATER)
    if found is None:
        return None
    timing = bind(Timing, found.beside, report, span=found.beside.span, what="the schedule")
    if timing is None:
        return None
    return Phase(found.entry, timing.per or found.entry.per, timing.warmup, timing.for_)
