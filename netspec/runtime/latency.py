"""Latency and throughput of models on ONNX Runtime."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.diagnostics import ModelError
from netspec.runtime.predictor import Predictor

#: Bytes; NumPy has other errors for arrays that no address could reach.
ADDRESSES = 2**62


@dataclass(frozen=True, slots=True)
class Latency:
    """Times of one batch, in milliseconds, over `runs` runs after a warm-up.

    `ratio` is the median of this model's time by that of the first model, run by run.
    """

    batch_size: int
    runs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    samples_per_second: float
    ratio: float = 1.0


def measure(predictor: Predictor, batch_size: int, runs: int = 100, sizes: Mapping[str, int] | None = None) -> Latency:
    """Run random inputs and take the times.

    Raises:
        ModelError: `model-file`: an input has an axis of unknown size beside the batch.
    """
    return measure_all([predictor], batch_size, runs, sizes)[0]


def measure_all(
    predictors: Sequence[Predictor], batch_size: int, runs: int = 100, sizes: Mapping[str, int] | None = None
) -> list[Latency]:
    """Run random inputs through several models in turn, so that what else the machine does hits all alike.

    Args:
        predictors: The models.
        batch_size: Samples of one run.
        runs: How many runs of each count.
        sizes: Of free axes, by name.

    Raises:
        ModelError: `model-file`: an input has an axis of unknown size beside the batch.
    """
    feeds = [_feeds(each, batch_size, sizes or {}) for each in predictors]
    seconds = np.empty((runs, len(predictors)))
    warm_up = max(3, runs // 10)
    for run in range(-warm_up, runs):
        for index, (predictor, given) in enumerate(zip(predictors, feeds, strict=True)):
            started = time.perf_counter()
            predictor.predict(given)
            if run >= 0:
                seconds[run, index] = time.perf_counter() - started
    return [_latency(seconds[:, index], seconds[:, 0], batch_size) for index in range(len(predictors))]


def _latency(seconds: NDArray[Any], first: NDArray[Any], batch_size: int) -> Latency:
    p50, p90, p99 = (float(value) * 1e3 for value in np.percentile(seconds, (50, 90, 99)))
    ratio = float(np.median(seconds / first))
    return Latency(batch_size, len(seconds), p50, p90, p99, batch_size * 1e3 / p50, ratio)


def _feeds(predictor: Predictor, batch_size: int, sizes: Mapping[str, int]) -> dict[str, NDArray[Any]]:
    """Random numbers for every input: images of bytes, indices that the model takes, or from 0 to 1.

    Lengths are left out: samples are whole.
    """
    generator = np.random.default_rng(0)
    found: dict[str, NDArray[Any]] = {}
    for name, shape in predictor.inputs.items():
        if name in predictor.said.lengths:
            continue
        known = [sizes.get(str(size), size) for size in shape]
        free = [size for size in known if not isinstance(size, int)]
        if free:
            message = f"the input `{name}` has free axes: {list(shape)}"
            help = f"give them sizes: `--size {free[0]}=224`"
            raise ModelError.at(str(predictor.path), "model-file", message, help=help)
        dtype = np.dtype(predictor.dtypes[name])
        if 8 * math.prod((batch_size, *known)) > ADDRESSES:
            raise MemoryError(f"the input `{name}` would be {[batch_size, *known]}")
        if dtype.kind == "f":
            found[name] = generator.random((batch_size, *known), dtype=np.float32).astype(dtype)
        else:
            below = predictor.said.below.get(name, 256 if dtype == np.uint8 else 2)
            found[name] = generator.integers(0, below, (batch_size, *known)).astype(dtype)
    return found
