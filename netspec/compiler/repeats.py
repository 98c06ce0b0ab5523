"""Repeats: what their copies cost, foreseen where they are the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from netspec.compiler.count import depends
from netspec.compiler.scope import Body, Entry
from netspec.compiler.session import Session
from netspec.diagnostics import Report, Span
from netspec.lang.document import LayerDecl

# After so many copies that a variable tells apart, the others are taken to be as large on average.
SAMPLE = 64


class Foresight:
    """Told of each copy of a repeat, it refuses those that follow where they are the same and would be too many."""

    def __init__(self, session: Session, span: Span, report: Report, count: int, *, equal: bool) -> None:
        self._budget = session.budget
        self._span = span
        self._report = report
        self._count = count
        self._equal = equal
        self._before = (self._budget.layers, self._budget.params)
        self._first = self._budget.params

    def __call__(self, index: int, previous: Entry | None, entry: Entry | None) -> None:
        """The copy `index` is made, and `previous` was the one before it.

        Raises:
            OutOfBudget: the copies that follow would be too many.
        """
        if self._equal and _types(entry) == _types(previous) != ():
            # It gives what it reads, so the next one reads the same, and so on.
            self._budget.foresee(self._before, self._count - 1 - index, self._span, self._report)
        elif index + 1 == SAMPLE:
            self._budget.project(self._first, SAMPLE, self._count - SAMPLE, self._span, self._report)
        self._before = (self._budget.layers, self._budget.params)


@contextmanager
def copies(session: Session, body: Body, decl: LayerDecl, rounds: list[dict[str, object]]) -> Iterator[Foresight]:
    """Around the copies of a repeat.

    Raises:
        OutOfBudget: it and the repeats around it would be too many layers.
    """
    span = decl.repeat.span if decl.repeat is not None else decl.key.span
    report = session.at(body.path, body.origin)
    equal = not (rounds and depends(decl, rounds[0]))
    with session.budget.copies(len(rounds), span, report, equal=equal):
        yield Foresight(session, span, report, len(rounds), equal=equal)


def _types(entry: Entry | None) -> tuple[object, ...]:
    return tuple(value.type for value in entry.outputs) if entry is not None else ()
