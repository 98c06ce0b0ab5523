"""Learning curves: the loss, and beside it the metric that has a share of 1 (accuracy), by epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from netspec.training.pictures.svg import BLUE, GRID, INK, MUTED, RED, document, element, polyline, text, ticks

WIDTH, HEIGHT = 440.0, 320.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 20.0, 62.0, 48.0

COLOURS = {"train": BLUE, "validation": RED}

Series = dict[str, list[tuple[float, float]]]


def curves_svg(rows: Sequence[dict[str, Any]]) -> str | None:
    """A panel for each measured number; None where nothing was measured."""
    names = [name for name in dict.fromkeys(_metric(key) for row in rows for key in row) if name]
    if not names:
        return None
    panels = [_panel(name, _series(rows, name), index * WIDTH) for index, name in enumerate(names)]
    return document(WIDTH * len(names), HEIGHT, "Learning curves", panels)


def _metric(key: str) -> str | None:
    split, _, name = key.partition("_")
    return name if split in COLOURS else None


def _series(rows: Sequence[dict[str, Any]], name: str) -> Series:
    found = {
        split: [(row["epoch"], row[f"{split}_{name}"]) for row in rows if f"{split}_{name}" in row] for split in COLOURS
    }
    return {split: points for split, points in found.items() if points}


@dataclass(frozen=True, slots=True)
class _Frame:
    """Data -> places in a panel. Both axes are linear."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    @classmethod
    def around(cls, series: Series) -> _Frame:
        points = [point for each in series.values() for point in each]
        lows, highs = (tuple(edge(axis) for axis in zip(*points, strict=True)) for edge in (min, max))
        margin = 0.06 * (highs[1] - lows[1]) or 0.05 * abs(highs[1]) or 1.0
        x_low = 0.0 if lows[0] == highs[0] else lows[0]
        return cls(x_low, highs[0], lows[1] - margin, highs[1] + margin)

    def x(self, value: float) -> float:
        return LEFT + (value - self.x_low) / (self.x_high - self.x_low) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.y_low) / (self.y_high - self.y_low) * (HEIGHT - TOP - BOTTOM)


def _panel(name: str, series: Series, left: float) -> str:
    frame = _Frame.around(series)
    title = text(LEFT, 26, name.replace("_", " ").capitalize(), size=16, font_weight=600)
    lines = [
        polyline([(frame.x(x), frame.y(y)) for x, y in points], COLOURS[split]) for split, points in series.items()
    ]
    body = "".join([title, *_legend(series), *_axes(frame), *lines])
    return element("g", body, transform=f"translate({left:g} 0)")


def _legend(series: Series) -> Iterator[str]:
    x = LEFT
    for split, points in series.items():
        label = f"{split} {_number(points[-1][1])}"
        yield element("circle", cx=x + 4, cy=43.0, r=4, fill=COLOURS[split])
        yield text(x + 13, 47, label, fill=MUTED)
        x += 36 + 6.4 * len(label)


def _axes(frame: _Frame) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    marks = ticks(frame.y_low, frame.y_high)
    decimals = max(len(f"{value:g}".partition(".")[2]) for value in marks) if marks else 0
    for value in marks:
        yield element("line", x1=LEFT, x2=right, y1=frame.y(value), y2=frame.y(value), stroke=GRID)
        yield text(LEFT - 8, frame.y(value) + 4, f"{value:.{decimals}f}", size=11, fill=MUTED, anchor="end")
    yield element("line", x1=LEFT, x2=right, y1=bottom, y2=bottom, stroke=INK)
    for value in ticks(frame.x_low, frame.x_high, 8):
        yield element("line", x1=frame.x(value), x2=frame.x(value), y1=bottom, y2=bottom + 4, stroke=INK)
        yield text(frame.x(value), bottom + 18, f"{value:g}", size=11, fill=MUTED, anchor="middle")
    yield text((LEFT + right) / 2, HEIGHT - 10, "epoch", fill=MUTED, anchor="middle")


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 10 else f"{value:.4g}"
