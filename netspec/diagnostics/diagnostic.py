"""One mistake, said once: a code, a sentence, a place, and what explains and mends it."""

from __future__ import annotations

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
    # What stands behind the place: the arithmetic of a size, why a layer is not there.
    remark: str = ""

    def __str__(self) -> str:
        return f"{self.text}  {self.remark}" if self.remark else self.text


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

    def __post_init__(self) -> None:
        # Names and values of a file stand in messages, whatever their length.
        object.__setattr__(self, "message", _cut(self.message))
        object.__setattr__(self, "notes", tuple(map(_cut, self.notes)))
        object.__setattr__(self, "help", self.help and _cut(self.help))

    @property
    def is_error(self) -> bool:
        """Whether this stops the command."""
        return self.severity is Severity.ERROR

    @property
    def location(self) -> str:
        """`file:line:column`, or the place, or an empty string."""
        return str(self.span) if self.span is not None else (self.place or "")


def _cut(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"
