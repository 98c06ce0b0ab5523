"""A few SVG shapes with one look: light ground, dark text, thin lines, and a scale of round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"
INK = "#1f2933"
MUTED = "#6b7785"
GRID = "#e6eaee"
GROUND = "#ffffff"
# Paul Tol's bright scheme: told apart by most colour-blind eyes.
BLUE, RED = "#4477aa", "#ee6677"


def element(tag: str, content: str = "", /, **attributes: object) -> str:
    """One element. Underscores in attribute names become hyphens; `class_` and the like lose the last one."""
    named = "".join(
        f" {name.rstrip('_').replace('_', '-')}={quoteattr(_text(value))}" for name, value in attributes.items()
    )
    return f"<{tag}{named}>{content}</{tag}>" if content else f"<{tag}{named}/>"


def text(
    x: float, y: float, words: str, *, size: int = 12, fill: str = INK, anchor: str = "start", **more: object
) -> str:
    """Words at a place; `anchor` is start, middle or end."""
    return element("text", escape(words), x=x, y=y, font_size=size, fill=fill, text_anchor=anchor, **more)


def document(width: float, height: float, title: str, body: Iterable[str]) -> str:
    """A whole picture on a light ground."""
    ground = element("rect", width=width, height=height, fill=GROUND)
    inside = "\n".join([element("title", escape(title)), ground, *body])
    head = f'xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_text(width)} {_text(height)}"'
    size = f'width="{_text(width)}" height="{_text(height)}"'
    return f"<svg {head} {size} font-family={quoteattr(FONT)}>\n{inside}\n</svg>\n"


def polyline(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    """A line through points, with a dot on each where they are few."""
    path = " ".join(f"{_text(x)},{_text(y)}" for x, y in points)
    more: dict[str, object] = {"stroke_dasharray": "5 4"} if dashed else {}
    look = {"fill": "none", "stroke": colour, "stroke_width": 2, "stroke_linejoin": "round", "stroke_linecap": "round"}
    line = element("polyline", points=path, **look, **more)
    dots = [element("circle", cx=x, cy=y, r=3, fill=colour) for x, y in points] if len(points) <= 40 else []
    return "".join([line, *dots])


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers (1, 2 or 5 times a power of ten) inside a range, at most so many."""
    if not high > low:
        return [low]
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    # Rounded, so that 3 * 0.1 reads 0.3.
    return [round(number * step, 12) for number in range(first, last + 1)]


def _text(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
