"""Two samples in one, and their losses by the same share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from netspec.data.augment.augmentation import Mixing
from netspec.data.preprocess.sample import Sample, StepError

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


class Mixup(Mixing):
    """x = share * x_i + (1 - share) * x_j, the share drawn from Beta(alpha, alpha) once a batch (Zhang 2017)."""

    name = "mixup"

    def mix(self, values: Tensor, others: Tensor, share: float, random: np.random.Generator) -> tuple[Tensor, float]:
        return others + share * (values - others), share


class CutMix(Mixing):
    """A rectangle of another sample pasted in; the share is what is left, from Beta(alpha, alpha) (Yun 2019)."""

    name = "cutmix"

    def check(self, x: Sample) -> None:
        super().check(x)
        if len(x.shape) != 3:
            raise StepError(f"`cutmix` pastes into images [channels, height, width], not into {x}")

    def mix(self, values: Tensor, others: Tensor, share: float, random: np.random.Generator) -> tuple[Tensor, float]:
        height, width = values.shape[-2:]
        side = (1 - share) ** 0.5
        high, wide = int(height * side), int(width * side)
        middle = int(random.integers(height)), int(random.integers(width))
        top, bottom = max(0, middle[0] - high // 2), min(height, middle[0] + high // 2)
        left, right = max(0, middle[1] - wide // 2), min(width, middle[1] + wide // 2)
        found = values.clone()
        found[..., top:bottom, left:right] = others[..., top:bottom, left:right]
        return found, 1 - (bottom - top) * (right - left) / (height * width)
