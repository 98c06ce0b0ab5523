"""Pictures of a run, as SVG written by hand: learning curves, the first layer's filters, the confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from netspec import atomic
from netspec.training.pictures.confusion import confusion_svg
from netspec.training.pictures.curves import curves_svg
from netspec.training.pictures.filters import filters_svg

if TYPE_CHECKING:
    from torch import nn


def draw(
    directory: Path,
    rows: Sequence[dict[str, Any]],
    module: nn.Module,
    confusion: Sequence[Sequence[int]] | None,
    classes: Sequence[str],
) -> None:
    """Write `curves.svg`, `filters.svg` and `confusion.svg`, each where there is something to show.

    Raises:
        NetspecError: `unwritable`.
    """
    pictures = {
        "curves.svg": curves_svg(rows),
        "filters.svg": filters_svg(module),
        "confusion.svg": confusion_svg(confusion, classes) if confusion is not None else None,
    }
    for name, text in pictures.items():
        if text is not None:
            atomic.write(directory / name, text)
