"""`rename`: from a file's names to the network's. Rules map prefixes; the longest that matches a name applies."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from netspec.diagnostics import Span

STAR = "*"


class RenameError(ValueError):
    """A rule that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`old: new`. `old` is a prefix that ends before a dot or at the end of a name.

    `*` stands for one or more characters other than `.` and `/`; those of `new` get the texts of those of `old`, in
    order. An empty `new` drops the prefix.
    """

    old: str
    new: str
    span: Span | None = None
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        stars = self.old.count(STAR)
        if not self.old or self.old.startswith(".") or self.old.endswith(".") or self.new.endswith("."):
            raise RenameError(f"the prefix {self.old!r} must end before a dot and not be empty")
        if self.new.count(STAR) != stars:
            raise RenameError(f"{self.old!r} and {self.new!r} have different numbers of `*`")
        # So each `*` ends where its part ends, and matching takes linear time.
        if any(part.count(STAR) > 1 for part in re.split(r"[./]", self.old)):
            raise RenameError(f"a part of {self.old!r} has two `*`")
        pieces = "([^./]+)".join(map(re.escape, self.old.split(STAR)))
        object.__setattr__(self, "_pattern", re.compile(rf"{pieces}(?=\.|\Z)"))

    def match(self, name: str) -> re.Match[str] | None:
        """How the rule fits the start of a name."""
        return self._pattern.match(name)

    def apply(self, found: re.Match[str]) -> str:
        """The new name for one that the rule fits."""
        pieces = self.new.split(STAR)
        texts = [*found.groups(), ""]
        prefix = "".join(piece + text for piece, text in zip(pieces, texts, strict=True))
        rest = found.string[found.end() :]
        return prefix + rest if prefix else rest.removeprefix(".")


def rename(name: str, rules: Iterable[Rule]) -> tuple[str, Rule | None]:
    """The network's name for a file's, and the rule that gave it.

    The longest match wins; of two of equal length the one with more characters of its own, then the first.
    """
    matches = [(rule, found) for rule in rules if (found := rule.match(name)) is not None]
    if not matches:
        return name, None
    rule, found = max(matches, key=lambda pair: (pair[1].end(), len(pair[0].old.replace(STAR, ""))))
    return rule.apply(found), rule
