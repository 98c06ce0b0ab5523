"""All that was found in one run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netspec.diagnostics.diagnostic import Diagnostic, Label, Severity
from netspec.diagnostics.errors import SpecError
from netspec.diagnostics.span import Span

MAX_ERRORS = 1000


class Report:
    """Collects the diagnostics of one run. Each mistake is kept once.

    The 1,000th error ends the run with a SpecError: a file of mistakes would else take minutes, and nobody reads on.
    """

    def __init__(self) -> None:
        self._found: dict[tuple[str, object, str], Diagnostic] = {}
        self._errors = 0

    def add(self, diagnostic: Diagnostic) -> None:
        """Keep a diagnostic unless the same one stands at the same place already.

        Raises:
            SpecError: this is the 1,000th error.
        """
        span = diagnostic.span
        place = (span.source.name, span.start) if span is not None else diagnostic.place
        kept = self._found.setdefault((diagnostic.code, place, diagnostic.message), diagnostic)
        self._errors += kept is diagnostic and diagnostic.is_error
        if self._errors >= MAX_ERRORS:
            raise SpecError(self.diagnostics)

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
    def num_errors(self) -> int:
        """How many errors were found."""
        return self._errors

    @property
    def has_errors(self) -> bool:
        """Whether any error was found."""
        return self._errors > 0

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """All of them, in the order of the files."""
        return tuple(self)


def _order(diagnostic: Diagnostic) -> tuple[bool, str, int]:
    span = diagnostic.span
    return (True, "", 0) if span is None else (False, span.source.name, span.start)
