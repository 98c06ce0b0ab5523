"""Boxes: how large they are, and what they look like."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.backends.diagram.layout.place import Rect
from netspec.backends.diagram.markup import element, text
from netspec.backends.diagram.metrics import shorten, width, wrap
from netspec.backends.diagram.scene import Box

MIN_WIDTH, MAX_WIDTH = 150.0, 230.0
SIDE = 14.0
TITLE, WORDS, SMALL = 13, 11, 10
MAX_LINES = 3


def measure(box: Box) -> tuple[float, float]:
    """Width and height of a box that is not unfolded."""
    if box.kind == "port":
        return 8.0, 0.0
    if box.kind in ("input", "output"):
        return min(MAX_WIDTH, max(90.0, width(_terminal_words(box), WORDS) + 32)), 26.0
    inner = _inner_width(box)
    lines = len(wrap(box.attributes, inner, WORDS, MAX_LINES))
    height = 27.0 + 15 * lines + (14 if box.note else 0) + (3 if lines or box.note else 0)
    return inner + 2 * SIDE + _sheets(box), height + _sheets(box)


def title_width(box: Box) -> float:
    """Width of the title of an unfolded block."""
    name, title = _frame_words(box)
    return (
        12 + width(name, TITLE, bold=True) + 6 + width(title, WORDS) + (_badge_width(box) + 8 if box.count > 1 else 0)
    )


def lines(words: str, room: float) -> tuple[str, ...]:
    """A sentence, in lines that fit."""
    return wrap(words.split(", "), room, WORDS, 20)


def draw(box: Box, rect: Rect) -> Iterator[str]:
    """The inside of a box's element."""
    if box.kind == "port":
        yield element("circle", cx=rect.x + rect.width / 2, cy=rect.y, r=3, class_="port")
        yield element("title", text(box.facts))
        return
    yield element("title", text(box.facts))
    if box.kind in ("input", "output"):
        yield from _terminal(box, rect)
        return
    yield from _stack(box, rect)
    rect = Rect(rect.x, rect.y, rect.width - _sheets(box), rect.height - _sheets(box))
    yield element("rect", x=rect.x, y=rect.y, width=rect.width, height=rect.height, rx=5)
    if box.kind == "op":
        yield element("rect", x=rect.x, y=rect.y, width=5, height=rect.height, rx=2, class_="bar")
    yield from _title(box, rect)
    yield from _below(box, rect)


def frame(box: Box, rect: Rect) -> Iterator[str]:
    """The border and the title of an unfolded block."""
    name, title = _frame_words(box)
    yield element("title", text(box.facts))
    yield element("rect", x=rect.x, y=rect.y, width=rect.width, height=rect.height, rx=10)
    x, y = rect.x + 12, rect.y + 19
    yield element("text", text(name), x=x, y=y, class_="what")
    x += width(name, TITLE, bold=True) + 6
    yield element("text", text(title), x=x, y=y, class_="muted")
    if box.count > 1:
        yield from _badge(box, x + width(title, WORDS) + 8, y - 12)


def _frame_words(box: Box) -> tuple[str, str]:
    title = box.title if box.title != "group" else ""
    return shorten(box.name, 130, TITLE, bold=True), shorten(title, 110, WORDS)


def _terminal(box: Box, rect: Rect) -> Iterator[str]:
    yield element("rect", x=rect.x, y=rect.y, width=rect.width, height=rect.height, rx=13)
    words = shorten(_terminal_words(box), rect.width - 24, WORDS)
    yield element("text", text(words), x=rect.x + rect.width / 2, y=rect.y + 17, text_anchor="middle")


def _terminal_words(box: Box) -> str:
    return f"{box.kind} {box.title}"


def _sheets(box: Box) -> float:
    """How far the sheets behind the box of a repetition stick out, to the right and below."""
    return 6.0 if box.count > 1 else 0.0


def _stack(box: Box, rect: Rect) -> Iterator[str]:
    reach = _sheets(box)
    for shift in (reach, reach / 2) if reach else ():
        size = {"width": rect.width - reach, "height": rect.height - reach}
        yield element("rect", x=rect.x + shift, y=rect.y + shift, rx=5, **size)


def _inner_width(box: Box) -> float:
    name = width(box.name, WORDS) + 14 if box.name else 0.0
    badge = _badge_width(box) + 8 if box.count > 1 else 0.0
    wanted = max(
        width(box.title, TITLE, bold=True) + name + badge,
        min(width(", ".join(box.attributes), WORDS), 190.0),
        width(box.note, SMALL),
    )
    return min(MAX_WIDTH, max(MIN_WIDTH, wanted + 2 * SIDE)) - 2 * SIDE


def _title(box: Box, rect: Rect) -> Iterator[str]:
    """What it is on the left; how it is called on the right."""
    room = rect.width - 2 * SIDE - (_badge_width(box) + 8 if box.count > 1 else 0.0)
    name = shorten(box.name, max(room * 0.5, room - width(box.title, TITLE, bold=True) - 14), WORDS)
    title = shorten(box.title, room - (width(name, WORDS) + 14 if name else 0), TITLE, bold=True)
    y = rect.y + 18
    yield element("text", text(title), x=rect.x + SIDE, y=y, class_="what")
    if box.count > 1:
        yield from _badge(box, rect.x + SIDE + width(title, TITLE, bold=True) + 8, y - 12)
    if name:
        yield element("text", text(name), x=rect.x + rect.width - SIDE, y=y, text_anchor="end", class_="muted")


def _below(box: Box, rect: Rect) -> Iterator[str]:
    y = rect.y + 34
    for line in wrap(box.attributes, rect.width - 2 * SIDE, WORDS, MAX_LINES):
        yield element("text", text(line), x=rect.x + SIDE, y=y)
        y += 15
    if box.note:
        note = shorten(box.note, rect.width - 2 * SIDE, SMALL)
        yield element("text", text(note), x=rect.x + SIDE, y=y - 1, class_="small muted")


def _badge_text(box: Box) -> str:
    return f"× {box.count:,}"


def _badge_width(box: Box) -> float:
    return width(_badge_text(box), SMALL, bold=True) + 10


def _badge(box: Box, x: float, y: float) -> Iterator[str]:
    size = _badge_width(box)
    yield element("rect", x=x, y=y, width=size, height=16, rx=8, class_="badge")
    yield element(
        "text", text(_badge_text(box)), x=x + size / 2, y=y + 12, text_anchor="middle", class_="small badge-text"
    )
