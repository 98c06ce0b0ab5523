"""Images of a run: what an autoencoder makes of its inputs, and what a network draws from noise."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

from netspec.training.pictures.svg import MUTED, document, element, text

if TYPE_CHECKING:
    from torch import Tensor

SIDE, GAP, LEFT, TOP = 56.0, 6.0, 24.0, 72.0
COLUMNS = 8
LABELS = 92.0


def reconstructions_svg(inputs: Tensor, outputs: Tensor, split: str) -> str:
    """Inputs above what became of them.

    Args:
        inputs: `[N, C, H, W]`, C being 1 or 3. Their smallest and largest value are black and white.
        outputs: The same shape.
        split: Where the inputs are from, for the caption.
    """
    low, high = float(inputs.min()), float(inputs.max())
    error = float((outputs - inputs).square().flatten(1).sum(1).mean())
    body = [
        text(LEFT, 34, "Reconstructions", size=16, font_weight=600),
        text(LEFT, 54, f"{split} samples; squared error {error:.3g} an image, of those shown", fill=MUTED),
    ]
    for row, (label, images) in enumerate((("input", inputs), ("output", outputs))):
        y = TOP + row * (SIDE + GAP)
        body.append(text(LEFT, y + SIDE / 2 + 4, label, fill=MUTED))
        body += _row(images, LEFT + LABELS, y, low, high)
    width = LEFT * 2 + LABELS + len(inputs) * (SIDE + GAP) - GAP
    return document(max(width, 420.0), TOP + 2 * (SIDE + GAP) + 18, "Reconstructions", body)


def samples_svg(images: Tensor) -> str:
    """What is drawn, in rows of eight.

    Args:
        images: `[N, C, H, W]`, C being 1 or 3; their smallest and largest value are black and white.
    """
    low, high = float(images.min()), float(images.max())
    body = [
        text(LEFT, 34, "Samples", size=16, font_weight=600),
        text(LEFT, 54, f"{len(images)} images from noise, none of them chosen", fill=MUTED),
    ]
    rows = range(-(-len(images) // COLUMNS))
    for row in rows:
        body += _row(images[row * COLUMNS :][:COLUMNS], LEFT, TOP + row * (SIDE + GAP), low, high)
    width = LEFT * 2 + COLUMNS * (SIDE + GAP) - GAP
    return document(width, TOP + len(rows) * (SIDE + GAP) + 18, "Samples", body)


def _row(images: Tensor, left: float, top: float, low: float, high: float) -> Iterator[str]:
    for index, image in enumerate(images):
        place = {"x": left + index * (SIDE + GAP), "y": top, "width": SIDE, "height": SIDE}
        yield element("image", href=_png(image, low, high), style="image-rendering: pixelated", **place)


def _png(image: Tensor, low: float, high: float) -> str:
    """An image `[C, H, W]` as the address of a PNG."""
    from PIL import Image

    bytes_ = ((image - low) / max(high - low, 1e-12) * 255).round().clamp(0, 255).byte()
    array = bytes_.permute(1, 2, 0).numpy() if len(image) == 3 else bytes_[0].numpy()
    file = io.BytesIO()
    Image.fromarray(array).save(file, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
