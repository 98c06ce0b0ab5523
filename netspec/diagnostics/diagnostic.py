"""One mistake, said once: a code, a sentence, a place, and what explains and mends it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from netspec.diagnostics.span import Span

MAX_SHOWN = 50
MAX_MESSAGE = 300


class Severity(StrEnum):
    """Errors stop a command; warnings do not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Label:
    """A second place that explains the first: `bn3  [256, 56, 56]`, with where it came from."""

    text: str
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A mistake in a file.

    `message` is lower case without a full stop and names the value and the limit; the remedy goes into `help`.
    `span` is the place in a text; `place` names a file (or a field of it) that has no lines, as weights or images.
    """

    code: str
    message: str
    span: Span | None = None
    severity: Severity = Severity.ERROR
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()
    help: str | None = None
    place: str | None = None

    @property
    def is_error(self) -> bool:
        """Whether this stops the command."""
        return self.severity is Severity.ERROR

    @property
    def location(self) -> str:
        """`file:line:column`, or the place, or an empty string."""
        return str(self.span) if self.span is not None else (self.place or "")


class Report:
    """Collects the diagnostics of one run. Each code is reported once per place."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, object], Diagnostic] = {}

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic unless the same code stands at the same place already."""
        span = diagnostic.span
        place = (span.source.name, span.start) if span is not None else (diagnostic.place, diagnostic.message)
        self._found.setdefault((diagnostic.code, place), diagnostic)

    def error(
        self,
        code: str,
        message: str,
        span: Span | None,
        *,
        labels: Iterable[Label] = (),
        notes: Iterable[str] = (),
        help: str | None = None,
    ) -> None:
        """Add an error."""
        self.add(Diagnostic(code, message, span, Severity.ERROR, tuple(labels), tuple(notes), help))

    def warning(
        self, code: str, message: str, span: Span | None, *, notes: Iterable[str] = (), help: str | None = None
    ) -> None:
        """Add a warning."""
        self.add(Diagnostic(code, message, span, Severity.WARNING, (), tuple(notes), help))

    def __iter__(self) -> Iterator[Diagnostic]:
        """In the order of the files; what has no position comes last."""
        return iter(sorted(self._found.values(), key=_order))

    def __len__(self) -> int:
        return len(self._found)

    @property
    def has_errors(self) -> bool:
        """Whether any error was found."""
        return any(diagnostic.is_error for diagnostic in self._found.values())

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All of them, in the order of the files."""
        return tuple(self)


def _order(diagnostic: Diagnostic) -> tuple[bool, str, int]:
    span = diagnostic.span
    return (True, "", 0) if span is None else (False, span.source.name, span.start)
