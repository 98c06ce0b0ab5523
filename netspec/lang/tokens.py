"""Text of an expression -> tokens with their offsets. Shared by `=` expressions and `calc`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Literal, NamedTuple, cast

from netspec.lang.nodes import shorten

MAX_CHARS = 1024

Kind = Literal["number", "string", "name", "symbol", "end", "unknown"]

_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_WORD = r"[A-Za-z_][A-Za-z0-9_]*"
_DOTTED = rf"{_WORD}(?:\.[A-Za-z0-9_]+)*"


@cache
def _pattern(name: str) -> re.Pattern[str]:
    """One token after blanks; the group that matched is its kind."""
    number = rf"(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?{_DIGITS})?"
    string = r"'[^'\n]*'|\"[^\"\n]*\""
    symbol = r"\*\*|//|[=!<>]=|[-+*/%@<>()\[\],:]"
    kinds = {"number": number, "string": string, "name": name, "symbol": symbol, "end": r"\Z", "unknown": "."}
    either = "|".join(f"(?P<{kind}>{pattern})" for kind, pattern in kinds.items())
    return re.compile(rf"[ \t\r\n]*(?:{either})", re.DOTALL)


class ExpressionError(Exception):
    """An expression that cannot be read or evaluated.

    `offset` and `length` (at least 1) say where in the expression's text; `help` is the smallest fix known.
    """

    def __init__(self, message: str, offset: int, length: int = 1, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset
        self.length = max(1, length)
        self.help = help


class Token(NamedTuple):
    """A piece of the text, from `offset`."""

    kind: Kind
    text: str
    offset: int


def tokens(text: str, *, dotted: bool = False) -> Iterator[Token]:
    """The tokens of a text, and an end token.

    Args:
        text: The expression, at most 1024 characters.
        dotted: Whether `g.1` is one name (a reference, in `calc`).

    Raises:
        ExpressionError: a character that no token has, a string that does not end.
    """
    if len(text) > MAX_CHARS:
        raise ExpressionError(f"an expression has at most {MAX_CHARS:,} characters, not {len(text):,}", MAX_CHARS)
    for match in _pattern(_DOTTED if dotted else _WORD).finditer(text):
        kind = cast(Kind, match.lastgroup)
        token = Token(kind, match[kind], match.start(kind))
        if kind == "unknown":
            raise _unknown(text, token.offset)
        yield token
        if kind == "end":
            return


def _unknown(text: str, position: int) -> ExpressionError:
    char = text[position]
    if char in "'\"":
        return ExpressionError("the string does not end", position, len(text) - position)
    hints = {"=": "`==` compares", "!": "`!=` compares, `not` negates", "&": "write `and`", "|": "write `or`"}
    return ExpressionError(f"`{shorten(char)}` has no meaning in an expression", position, 1, hints.get(char))
