"""The trained filters of the first convolution, as the lecture shows them: white is negative, black positive."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from netspec.training.pictures.svg import GRID, MUTED, document, element, text

if TYPE_CHECKING:
    from torch import Tensor, nn

SIDE, GAP, LEFT, TOP = 76.0, 14.0, 24.0, 72.0
#: More filters than these are not drawn.
MAX_FILTERS = 64

Rows = Sequence[Sequence[float]]


def filters_svg(module: nn.Module) -> str | None:
    """A grid of the first layer's filters; None where no layer is a convolution of images of 1 or 3 channels."""
    found = _first_filters(module)
    if found is None:
        return None
    path, weight = found
    count, channels, height, width = weight.shape
    shown = min(count, MAX_FILTERS)
    # As wide as a page, and of those widths the one that leaves the fewest places empty.
    columns = min(range(8, 4, -1), key=lambda wide: (-shown % wide, abs(wide - math.sqrt(shown * 1.3))))
    rows = math.ceil(shown / columns)
    colours = "white is negative, black is positive" if channels == 1 else "red, green and blue, grey is zero"
    body = [
        text(LEFT, 34, "First-layer filters", size=16, font_weight=600),
        text(LEFT, 54, f"{count} filters {height} x {width} of layer {path}; {colours}", fill=MUTED),
        *(_filter(weight[index], *_place(index, columns)) for index in range(shown)),
    ]
    size = LEFT * 2 + columns * (SIDE + GAP) - GAP, TOP + rows * (SIDE + GAP) - GAP + 24
    return document(max(size[0], 460.0), size[1], "First-layer filters", body)


def _first_filters(module: nn.Module) -> tuple[str, Tensor] | None:
    """Path and weights [filters, channels, height, width] of the first convolution of images."""
    for key, tensor in module.state_dict().items():
        if key.endswith(".weight") and tensor.ndim == 4:
            drawable = tensor.shape[1] in (1, 3) and min(tensor.shape[2:]) > 1
            return (key.removesuffix(".weight"), tensor.detach().float().cpu()) if drawable else None
    return None


def _place(index: int, columns: int) -> tuple[float, float]:
    row, column = divmod(index, columns)
    return LEFT + column * (SIDE + GAP), TOP + row * (SIDE + GAP)


def _filter(weight: Tensor, left: float, top: float) -> str:
    """One filter [channels, height, width], scaled by its largest weight."""
    height, width = weight.shape[1:]
    pixel = SIDE / max(height, width)
    scaled = (weight / weight.abs().max().clamp(min=1e-12)).permute(1, 2, 0).tolist()
    pixels = "".join(_pixels(scaled, left, top, pixel))
    frame = element(
        "rect", x=left, y=top, width=pixel * width, height=pixel * height, fill="none", stroke=GRID, stroke_width=1
    )
    return pixels + frame


def _pixels(rows: Sequence[Rows], left: float, top: float, pixel: float) -> Iterator[str]:
    for i, row in enumerate(rows):
        for j, values in enumerate(row):
            fill = _grey(values[0]) if len(values) == 1 else _colour(values)
            # A little larger than its place, so that no seam shows between neighbours.
            side = pixel + 0.3
            yield element("rect", x=left + j * pixel, y=top + i * pixel, width=side, height=side, fill=fill)


def _grey(value: float) -> str:
    return "#" + f"{round(127.5 - 127.5 * value):02x}" * 3


def _colour(values: Sequence[float]) -> str:
    return "#" + "".join(f"{round(127.5 + 127.5 * value):02x}" for value in values)
