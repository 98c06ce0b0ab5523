"""`rename`: from a file's names to the network's. Rules map prefixes; the longest that matches a name applies."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from netspec.compiler.glob import capture_prefix, fill
from netspec.diagnostics import Span

STAR = "*"


class RenameError(ValueError):
    """A rule that cannot be read; the message says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """`old: new`. `old` is a prefix that ends before a dot or at the end of a name.

    `*` stands for a dotted part or a piece of one; those of `new` get the texts of those of `old`, in order. An empty
    `old` fits before every name, an empty `new` drops the prefix.
    """

    old: str
    new: str
    span: Span | None = None

    def __post_init__(self) -> None:
        if not all(all(name.split(".")) for name in (self.old, self.new) if name):
            raise RenameError(f"{self.old!r} and {self.new!r} are not both dotted names: a part of one is empty")
        if self.new.count(STAR) != self.old.count(STAR):
            raise RenameError(f"{self.old!r} and {self.new!r} have different numbers of `*`")


def rename(name: str, rules: Iterable[Rule]) -> tuple[str, Rule | None]:
    """The network's name for a file's, and the rule that gave it.

    The longest match wins; of two of equal length the one with more characters of its own, then the first.
    """
    fits = [(rule, found) for rule in rules if (found := capture_prefix(rule.old, name)) is not None]
    if not fits:
        return name, None
    # The less is left, the longer is the match.
    rule, (stars, rest) = min(fits, key=lambda fit: (len(fit[1][1]), -len(fit[0].old.replace(STAR, ""))))
    return ".".join(part for part in (fill(rule.new, stars), rest) if part), rule
