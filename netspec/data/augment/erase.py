"""Random holes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from netspec.data.augment.augmentation import Augmentation, require_planes
from netspec.data.augment.domains import RATIOS, SHARES
from netspec.data.augment.rectangle import first, sides
from netspec.data.preprocess.geometry import Fill
from netspec.data.preprocess.sample import Sample, StepError
from netspec.ops.attributes import Probability

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from netspec.data.augment.draws import Draws, Ints


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
        import torch

        hole = torch.from_numpy(self._holes(draws, *images.shape[-2:])).to(images.device)[:, None]
        value = torch.tensor(self.value, dtype=images.dtype, device=images.device).reshape(-1, 1, 1)
        return torch.where(hole, value, images)

    def _holes(self, draws: Draws, height: int, width: int) -> NDArray[np.bool_]:
        """Where something is erased, `[N, height, width]`."""
        happens = draws.chance(self.p)
        high, wide = sides(draws, height * width, self.scale, self.ratio)
        fits = (high < height) & (wide < width)
        rows = _between(draws, first(fits, high), height)
        columns = _between(draws, first(fits, wide), width)
        holes: NDArray[np.bool_] = rows[:, :, None] & columns[:, None, :]
        return holes & (happens & fits.any(axis=1))[:, None, None]


def _between(draws: Draws, size: Ints, length: int) -> NDArray[np.bool_]:
    """Which places lie in a piece of that size at a random place, `[N, length]`."""
    import numpy as np

    start = draws.below(length - size + 1)[:, None]
    place = np.arange(length)
    return (place >= start) & (place < start + size[:, None])
