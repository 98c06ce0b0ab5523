"""Gradient norms of layers over steps, on a logarithmic scale, and the share of dead units."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from netspec.training.pictures.svg import GRID, INK, MUTED, document, element, polyline, text, ticks

WIDTH, HEIGHT = 560.0, 360.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 150.0, 62.0, 48.0
#: More lines than these nobody can tell apart; those between are left out.
MAX_LINES = 8
#: From the first layer (dark blue) to the last (yellow), as viridis.
COLOURS = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#d8c617")
# What is exactly zero has no logarithm.
SMALLEST = 1e-12

Points = list[tuple[float, float]]


def gradients_svg(rows: Sequence[Mapping[str, Any]]) -> str | None:
    """One panel of norms, and one of dead units where there are activations that die; None without a row."""
    if not rows:
        return None
    panels = [_panel("Gradient norm", _lines(rows, "gradients"), 0, logarithmic=True)]
    if rows[0]["dead"]:
        panels.append(_panel("Dead units", _lines(rows, "dead"), WIDTH, logarithmic=False))
    return document(WIDTH * len(panels), HEIGHT, "Gradients", panels)


def _lines(rows: Sequence[Mapping[str, Any]], key: str) -> dict[str, Points]:
    layers = list(rows[0][key])
    if len(layers) > MAX_LINES:
        layers = [layers[round(index * (len(layers) - 1) / (MAX_LINES - 1))] for index in range(MAX_LINES)]
    return {layer: [(row["step"], row[key].get(layer, 0.0)) for row in rows] for layer in layers}


def _panel(title: str, lines: Mapping[str, Points], left: float, *, logarithmic: bool) -> str:
    scaled = {layer: [(x, _scaled(y, logarithmic)) for x, y in points] for layer, points in lines.items()}
    values = [y for points in scaled.values() for _, y in points]
    low, high = (math.floor(min(values)), math.ceil(max(values))) if logarithmic else (0.0, 1.0)
    frame = _Frame(max(x for points in scaled.values() for x, _ in points), low, max(high, low + 1))
    body = [text(LEFT, 26, title, size=16, font_weight=600), *_axes(frame, logarithmic)]
    for index, (layer, points) in enumerate(scaled.items()):
        colour = COLOURS[round(index * (len(COLOURS) - 1) / max(1, len(scaled) - 1))]
        body.append(polyline([(frame.x(x), frame.y(y)) for x, y in points], colour))
        y = TOP + 8 + 18 * index
        body.append(element("circle", cx=WIDTH - RIGHT + 18, cy=y, r=4, fill=colour))
        body.append(text(WIDTH - RIGHT + 28, y + 4, layer[:18], size=11, fill=MUTED))
    return element("g", "".join(body), transform=f"translate({left:g} 0)")


def _scaled(value: float, logarithmic: bool) -> float:
    return math.log10(max(value, SMALLEST)) if logarithmic else value


class _Frame:
    """Steps and values -> places in a panel."""

    def __init__(self, steps: float, low: float, high: float) -> None:
        self.steps, self.low, self.high = max(steps, 2.0), low, high

    def x(self, step: float) -> float:
        return LEFT + (step - 1) / (self.steps - 1) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (value - self.low) / (self.high - self.low) * (HEIGHT - TOP - BOTTOM)


def _axes(frame: _Frame, logarithmic: bool) -> Iterator[str]:
    bottom, right = HEIGHT - BOTTOM, WIDTH - RIGHT
    spacing = max(1, round((frame.high - frame.low) / 6))
    powers = [float(power) for power in range(int(frame.low), int(frame.high) + 1, spacing)]
    for value in powers if logarithmic else ticks(frame.low, frame.high):
        label = f"1e{value:g}" if logarithmic else f"{value:.0%}"
        yield element("line", x1=LEFT, x2=right, y1=frame.y(value), y2=frame.y(value), stroke=GRID)
        yield text(LEFT - 8, frame.y(value) + 4, label, size=11, fill=MUTED, anchor="end")
    yield element("line", x1=LEFT, x2=right, y1=bottom, y2=bottom, stroke=INK)
    for value in ticks(1, frame.steps, 6):
        yield text(frame.x(value), bottom + 18, f"{value:g}", size=11, fill=MUTED, anchor="middle")
    yield text((LEFT + right) / 2, HEIGHT - 10, "step", fill=MUTED, anchor="middle")
