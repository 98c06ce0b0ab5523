"""Places in a text: a source and a range of code points in it."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True, eq=False)
class Source:
    """A text with the name that messages give it (a path, or `<stdin>`)."""

    name: str
    text: str = field(repr=False)
    _starts: list[int] = field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        # A byte order mark is no part of the text; libyaml does not count it, PyYAML's pure reader does.
        self.text = self.text.removeprefix("\ufeff")

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of `offset`, both counted from 1, in code points."""
        starts = self._line_starts()
        line = bisect_right(starts, offset)
        return line, offset - starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line (counted from 1), without its line break."""
        starts = self._line_starts()
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    def _line_starts(self) -> list[int]:
        if not self._starts:
            # YAML breaks lines at these only (str.splitlines knows more), as PyYAML's marks count them. A pattern
            # that begins with a set of characters is searched for three times as fast as one of alternatives.
            breaks = re.finditer("[\n\r\x85\u2028\u2029](?<!\r(?=\n))", self.text)
            self._starts = [0, *(match.end() for match in breaks)]
        return self._starts


class Span(NamedTuple):
    """A range `[start, end)` of code points in a source."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        """Line of the first character, from 1."""
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        """Column of the first character, from 1."""
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        """The characters covered."""
        return self.source.text[self.start : self.end]

    def __str__(self) -> str:
        line, column = self.source.position(self.start)
        return f"{self.source.name}:{line}:{column}"
