"""Rectangles of random area and shape, as torchvision draws them: the first of ten that fits."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from netspec.data.augment.draws import Draws, Floats, Ints

ATTEMPTS = 10


def sides(draws: Draws, area: int, scale: tuple[float, float], ratio: tuple[float, float]) -> tuple[Floats, Floats]:
    """Whole sides `[N, ATTEMPTS]` whose product is a share of an area, and whose ratio, first by second, is drawn.

    The share is uniform in `scale`, the logarithm of the ratio in that of `ratio`.
    """
    import numpy as np

    areas = area * draws.uniform(*scale, size=(ATTEMPTS,))
    shape = np.exp(draws.uniform(np.log(ratio[0]), np.log(ratio[1]), size=(ATTEMPTS,)))
    return np.rint(np.sqrt(areas * shape)), np.rint(np.sqrt(areas / shape))


def first(fits: NDArray[np.bool_], values: Floats) -> Ints:
    """For each sample the first value that fits, or the first of all."""
    import numpy as np

    return np.take_along_axis(values, fits.argmax(axis=1)[:, None], axis=1)[:, 0].astype(np.int64)
