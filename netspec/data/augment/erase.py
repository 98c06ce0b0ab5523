"""Random holes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from netspec.data.augment.augmentation import Augmentation, require_planes
from netspec.data.augment.crop import ATTEMPTS
from netspec.data.augment.domains import RATIOS, SHARES
from netspec.data.preprocess.geometry import Fill
from netspec.data.preprocess.sample import Sample, StepError
from netspec.ops.attributes import Probability

if TYPE_CHECKING:
    from torch import Tensor

    from netspec.data.augment.draws import Draws


class RandomErasing(Augmentation):
    """A rectangle of one colour, with probability `p` (Zhong 2017; torchvision's RandomErasing).

    `scale` bounds its share of the image's area, `ratio` height by width.
    """

    name = "random_erasing"
    main = "p"
    p: Probability = 0.5
    scale: Annotated[tuple[float, float], SHARES] = (0.02, 0.33)
    ratio: Annotated[tuple[float, float], RATIOS] = (0.3, 3.3)
    value: Fill = 0

    def infer(self, x: Sample) -> Sample:
        channels, _, _ = require_planes(x, self.name)
        if isinstance(self.value, tuple) and channels is not None and len(self.value) != channels:
            raise StepError(f"`value` of random_erasing has {len(self.value)} numbers for {channels} channels")
        return x

    def apply(self, images: Tensor, draws: Draws) -> Tensor:
        import numpy as np
        import torch

        height, width = images.shape[-2:]
        happens = draws.chance(self.p)
        area = height * width * draws.uniform(*self.scale, size=(ATTEMPTS,))
        shape = np.exp(draws.uniform(np.log(self.ratio[0]), np.log(self.ratio[1]), size=(ATTEMPTS,)))
        high, wide = np.rint(np.sqrt(area * shape)), np.rint(np.sqrt(area / shape))
        fits = (high < height) & (wide < width)
        first = fits.argmax(axis=1)[:, None]
        highs, wides = (np.take_along_axis(each, first, axis=1)[:, 0].astype(np.int64) for each in (high, wide))
        top, left = draws.below(height - highs + 1), draws.below(width - wides + 1)
        rows, columns = np.arange(height), np.arange(width)
        inside_rows = (rows >= top[:, None]) & (rows < (top + highs)[:, None])
        inside_columns = (columns >= left[:, None]) & (columns < (left + wides)[:, None])
        hole = inside_rows[:, :, None] & inside_columns[:, None, :] & (happens & fits.any(axis=1))[:, None, None]
        value = torch.tensor(self.value, dtype=images.dtype, device=images.device).reshape(-1, 1, 1)
        return torch.where(torch.from_numpy(hole).to(images.device)[:, None], value, images)
