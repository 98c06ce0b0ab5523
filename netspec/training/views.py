"""Several views of one sample (`ten_crop`), whose predictions are averaged."""

from __future__ import annotations

import math
from collections.abc import Mapping

from torch import Tensor


def merged(outputs: tuple[Tensor, ...], views: int, logits: Mapping[int, int]) -> tuple[Tensor, ...]:
    """The mean over views; of logits that of the probabilities, as its logarithm (AlexNet, section 4.1).

    Args:
        outputs: Each `[N * views, *shape]`, or `[N, *shape]` with one view.
        views: Of each sample.
        logits: Place among the outputs -> axis of the classes.
    """
    if views == 1:
        return outputs
    return tuple(_merged(output, views, logits.get(place)) for place, output in enumerate(outputs))


def _merged(output: Tensor, views: int, classes: int | None) -> Tensor:
    if classes is not None:
        output = output.log_softmax(classes)
    apart = output.reshape(-1, views, *output.shape[1:])
    return apart.mean(1) if classes is None else apart.logsumexp(1) - math.log(views)
