"""Batches of samples of similar length, so that little padding is computed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Buckets:
    """The samples by length, those of `width` neighbouring lengths together."""

    def __init__(self, lengths: Tensor, width: int) -> None:
        self._keys = (lengths - 1) // width

    def batches(self, order: Tensor, size: int, generator: torch.Generator) -> Sequence[Tensor]:
        """An order cut into batches of `size`, each of one bucket or of neighbours, themselves in a random order.

        There are as many as without buckets; within a bucket the order stays.
        """
        sorted_by_bucket = order[torch.sort(self._keys[order], stable=True).indices]
        cut = torch.split(sorted_by_bucket, size)
        return [cut[index] for index in torch.randperm(len(cut), generator=generator).tolist()]
