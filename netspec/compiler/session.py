"""One compilation: what all its bodies share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from netspec.compiler.budget import Budget
from netspec.compiler.files import Files
from netspec.compiler.spec import WeightsSection
from netspec.compiler.state import State
from netspec.diagnostics import Diagnostic, Report, Span
from netspec.ir import Frame
from netspec.lang.document import Document
from netspec.lang.nodes import Node

if TYPE_CHECKING:
    from netspec.compiler.rules import SpecRule


@dataclass(slots=True, eq=False, repr=False)
class Session:
    """The report, the budgets, the files read, and what is known of values by their names (unique within a network)."""

    report: Report
    budget: Budget
    files: Files
    state: State = field(default_factory=State)
    # Where a value comes from, how the expressions of its layer came out, and the names of what that layer reads.
    spans: dict[str, Span] = field(default_factory=dict)
    arithmetic: dict[str, str] = field(default_factory=dict)
    reads: dict[str, tuple[str, ...]] = field(default_factory=dict)
    said: dict[tuple[str, object], str] = field(default_factory=dict)
    # The spec-wide `init:` list.
    inits: list[SpecRule] = field(default_factory=list)
    # Other specs by their file, and those that are being elaborated, with the place that uses each.
    documents: dict[Path, Document | None] = field(default_factory=dict)
    open_files: dict[str, Span | None] = field(default_factory=dict)
    weights: list[WeightsSection] = field(default_factory=list)
    # By input of the network: the steps of the spec that reads it.
    preprocess: dict[str, Node] = field(default_factory=dict)

    def at(self, path: str, origin: Sequence[Frame]) -> Report:
        """The report as seen by the layer at `path`."""
        return _Located(self, path, tuple(origin))


class _Located(Report):
    """What is added gets the chain of blocks, repeats and files; a mistake in a block is said once, not once a use."""

    def __init__(self, session: Session, path: str, origin: tuple[Frame, ...]) -> None:
        super().__init__()
        self._session = session
        self._path = path
        self._origin = origin

    def add(self, diagnostic: Diagnostic) -> None:
        """Hand a diagnostic on, unless another copy of the same layer had it."""
        span = diagnostic.span
        first = self._session.said.setdefault((diagnostic.code, span and (span.source.name, span.start)), self._path)
        if first == self._path:
            notes = tuple(_described(self._origin, span))
            self._session.report.add(replace(diagnostic, notes=(*diagnostic.notes, *notes)))

    @property
    def has_errors(self) -> bool:
        """Whether any error was found in the compilation."""
        return self._session.report.has_errors


def _described(origin: Sequence[Frame], span: Span | None) -> Iterator[str]:
    """A line for each step; a copy of a repeat stands behind the block that it is a use of."""
    repeat = ""
    for frame in origin:
        if frame.span is None:
            if repeat:
                yield repeat
            repeat = frame.text
            continue
        near = span is not None and frame.span.source is span.source
        _, opened, path = repeat.partition(" (")
        text = frame.text.replace(f" ({path}", "") if opened else frame.text
        yield f"{text} at {f'line {frame.span.line}' if near else frame.span}{f', {repeat}' if repeat else ''}"
        repeat = ""
    if repeat:
        yield repeat
