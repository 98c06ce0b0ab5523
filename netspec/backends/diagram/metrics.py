"""How wide text will be. The reader's fonts are not known: widths are those of a wide one, so that text fits in all."""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import east_asian_width

_NARROW = frozenset("iIjlft.,:;'|!()[]/ ")
_WIDE = frozenset("mwMW@%")
ELLIPSIS = "…"
# Widths are summed in another order when a box is measured than when it is filled.
_ROUNDING = 0.01


def width(text: str, size: float, *, bold: bool = False) -> float:
    """Pixels of a text at a font size; not less than in DejaVu Sans, which is wider than most."""
    return sum(map(_advance, text)) * size * (1.1 if bold else 1.0)


def _advance(character: str) -> float:
    if character in _NARROW:
        return 0.4
    if character in _WIDE or east_asian_width(character) in "FW":
        return 1.05
    return 0.7 if character.isupper() or not character.isascii() else 0.64


def shorten(text: str, room: float, size: float, *, bold: bool = False) -> str:
    """The text, cut in its middle where it does not fit."""
    if width(text, size, bold=bold) <= room + _ROUNDING:
        return text
    keep = len(text)
    while keep > 1:
        keep -= 1
        head = (keep + 1) // 2
        cut = text[:head] + ELLIPSIS + text[len(text) - (keep - head) :]
        if width(cut, size, bold=bold) <= room + _ROUNDING:
            return cut
    return ELLIPSIS


def beginning(text: str, room: float, size: float) -> str:
    """A sentence on one line, its end left out where it does not fit."""
    words = text.split()
    for count in range(len(words), 0, -1):
        line = " ".join(words[:count]) + (f" {ELLIPSIS}" if count < len(words) else "")
        if width(line, size) <= room + _ROUNDING:
            return line
    return shorten(text, room, size)


def wrap(words: list[str], room: float, size: float, most: int) -> tuple[str, ...]:
    """Words, joined by commas, in at most so many lines; what does not fit is left to the tooltip."""
    lines = list(_lines([shorten(word, room - 12, size) for word in words], room, size))
    if len(lines) > most:
        lines[most - 1] = shorten(lines[most - 1].rstrip(",") + ", " + ELLIPSIS, room, size)
    return tuple(lines[:most])


def _lines(words: list[str], room: float, size: float) -> Iterator[str]:
    line = ""
    for index, word in enumerate(words):
        word += "," if index < len(words) - 1 else ""
        longer = f"{line} {word}" if line else word
        if line and width(longer, size) > room:
            yield line
            longer = word
        line = longer
    if line:
        yield line
