"""Moving, rotating and deforming images."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, Literal

from netspec.data.augment.augmentation import Augmentation, on_device, require_planes, to_dtype_of
from netspec.data.augment.domains import RATIOS, interval, spread
from netspec.data.preprocess.sample import Sample
from netspec.ops.attributes import Float, PositiveFloat, number, one_or_list, or_null

if TYPE_CHECKING:
    from torch import Tensor

    from netspec.data.augment.draws import Draws, Floats

_ANGLE = number(0, "", high=180)
_ANGLES = interval(-360, "", high=360)
_DEGREES = spread(lambda most: (-most, most), _ANGLE, _ANGLES, "a number from 0 to 180, or an interval of degrees")
_MOVES = one_or_list(number(0, "", high=1), "two numbers from 0 to 1: shares of width and height")
_SHEARS = spread(lambda most: (-most, most), number(0, "", high=89), interval(-89, "", high=89), "degrees below 90")

Interpolation = Literal["nearest", "bilinear"]


class RandomAffine(Augmentation):
    """Rotated, moved, scaled and sheared about the middle (torchvision's RandomAffine).

    `degrees` of rotation, `translate` the largest shares of width and height, `scale` and `shear` as intervals. Left
    out, there is none of it. `shear` slants along the width. What comes from outside is `fill`.
    """

    name = "random_affine"
    main = "degrees"
    degrees: Annotated[tuple[float, float], _DEGREES]
    translate: Annotated[tuple[float, ...] | None, or_null(_MOVES, "two shares of width and height, or none")] = None
    scale: Annotated[tuple[float, float] | None, or_null(RATIOS, "an interval of positive numbers, or none")] = None
    shear: Annotated[tuple[float, float] | None, or_null(_SHEARS, "degrees below 90, an interval, or none")] = None
    interpolation: Interpolation = "nearest"
    fill: Float = 0.0

    def infer(self, x: Sample) -> Sample:
        require_planes(x, self.name)
        return x

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        import numpy as np

        height, width = images.shape[-2:]
        angle = np.radians(draws.uniform(*self.degrees))
        across, down = _pair(self.translate)
        moved = [
            np.rint(draws.uniform(-share * size, share * size)) for share, size in ((across, width), (down, height))
        ]
        scale = draws.uniform(*(self.scale or (1.0, 1.0)))
        shear = np.radians(draws.uniform(*(self.shear or (0.0, 0.0))))
        matrix = inverse(angle, scale, shear, moved[0], moved[1], (width / 2, height / 2))
        columns, rows = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
        x, y = (on_device(each, images, axes=3) for each in (columns[None], rows[None]))
        m = [on_device(each, images, axes=3) for each in matrix]
        return _sampled(images, m[0] * x + m[1] * y + m[2], m[3] * x + m[4] * y + m[5], self.interpolation, self.fill)


class Affine(RandomAffine):
    """`random_affine` by a shorter name."""

    name = "affine"


class Elastic(Augmentation):
    """Each pixel comes from a place nearby (Simard, Steinkraus, Platt 2003).

    Two fields of numbers from -1 to 1 are smoothed by a Gaussian of `sigma` pixels and multiplied by `alpha`: how far
    to the side and down a pixel is taken from. Bilinear. The paper's values for digits are the defaults.
    """

    name = "elastic"
    main = "alpha"
    alpha: PositiveFloat = 34.0
    sigma: PositiveFloat = 4.0
    fill: Float = 0.0

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        import numpy as np

        height, width = images.shape[-2:]
        noise = on_device(draws.uniform(-1, 1, size=(2, height, width)), images)
        rows, columns = (on_device(_gaussian(size, self.sigma), images, axes=2) for size in (height, width))
        across, down = (self.alpha * (rows @ noise @ columns)).unbind(1)
        column, row = (np.arange(size)[None] + 0.5 for size in (width, height))
        x, y = on_device(column[:, None], images, axes=3), on_device(row[..., None], images, axes=3)
        return _sampled(images, x + across, y + down, "bilinear", self.fill)


def inverse(
    angle: Floats, scale: Floats, shear: Floats, x: Floats, y: Floats, middle: tuple[float, float]
) -> list[Any]:
    """Where each place of the result comes from: x' = m0 x + m1 y + m2, y' = m3 x + m4 y + m5, each `[N]`.

    The inverse of T C R S Z C^-1: move, and about the middle C rotate (clockwise, as y points down), shear, scale.
    """
    import numpy as np

    # R S Z as a matrix [[a, b], [c, d]]; its determinant is scale^2, as a shear keeps areas.
    a, b = np.cos(angle) * scale, (-np.cos(angle) * np.tan(shear) - np.sin(angle)) * scale
    c, d = np.sin(angle) * scale, (-np.sin(angle) * np.tan(shear) + np.cos(angle)) * scale
    determinant = scale**2
    m = [d / determinant, -b / determinant, -c / determinant, a / determinant]
    across, down = middle[0] + x, middle[1] + y
    return [
        m[0], m[1], middle[0] - m[0] * across - m[1] * down,
        m[2], m[3], middle[1] - m[2] * across - m[3] * down,
    ]  # fmt: skip


def _sampled(images: Tensor, x: Tensor, y: Tensor, interpolation: Interpolation, fill: float) -> Tensor:
    """Images read at places `[N, height, width]`, counted in pixels from the corner: pixel 0 lies at 0.5."""
    import torch
    from torch.nn import functional

    height, width = images.shape[-2:]
    grid = torch.stack((2 * x / width - 1, 2 * y / height - 1), dim=-1)
    shifted = images.float() - fill
    found = functional.grid_sample(shifted, grid, mode=interpolation, padding_mode="zeros", align_corners=False)
    return to_dtype_of(found + fill, images)


def _gaussian(size: int, sigma: float) -> Floats:
    """Smoothing as a matrix `[size, size]`; outside there is nothing."""
    import numpy as np

    reach = math.ceil(8 * sigma)
    distance = np.arange(-reach, reach + 1)
    total = np.exp(-(distance**2) / (2 * sigma**2)).sum()
    place = np.arange(size)
    weights: Floats = np.exp(-((place[:, None] - place) ** 2) / (2 * sigma**2)) / total
    return weights


def _pair(shares: tuple[float, ...] | None) -> tuple[float, float]:
    """The largest moves across and down."""
    if shares is None:
        return 0.0, 0.0
    return (shares[0], shares[1]) if len(shares) == 2 else (shares[0], shares[0])
