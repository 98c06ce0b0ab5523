"""Text of an expression -> tokens with their offsets. Shared by `=` expressions and `calc`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from netspec.lang.nodes import shorten

MAX_CHARS = 1024

Kind = Literal["number", "string", "name", "symbol", "end"]

_BLANK = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DOTTED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*")
_DIGITS = r"[0-9]+(?:_[0-9]+)*"
_NUMBER = re.compile(rf"(?:{_DIGITS}(?:\.(?:{_DIGITS})?)?|\.{_DIGITS})(?:[eE][-+]?{_DIGITS})?")
_SYMBOL = re.compile(r"\*\*|//|[=!<>]=|[-+*/%@<>()\[\],:]")


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
    position = _skip_blank(text, 0)
    while position < len(text):
        token = _token(text, position, _DOTTED if dotted else _NAME)
        yield token
        position = _skip_blank(text, position + len(token.text))
    yield Token("end", "", len(text))


def _skip_blank(text: str, position: int) -> int:
    blank = _BLANK.match(text, position)
    return blank.end() if blank else position


def _token(text: str, position: int, name: re.Pattern[str]) -> Token:
    patterns: tuple[tuple[Kind, re.Pattern[str]], ...] = (
        ("number", _NUMBER),
        ("string", _STRING),
        ("name", name),
        ("symbol", _SYMBOL),
    )
    for kind, pattern in patterns:
        if match := pattern.match(text, position):
            return Token(kind, match[0], position)
    raise _unknown(text, position)


def _unknown(text: str, position: int) -> ExpressionError:
    char = text[position]
    if char in "'\"":
        return ExpressionError("the string does not end", position, len(text) - position)
    hints = {"=": "`==` compares", "!": "`!=` compares, `not` negates", "&": "write `and`", "|": "write `or`"}
    return ExpressionError(f"`{shorten(char)}` has no meaning in an expression", position, 1, hints.get(char))
