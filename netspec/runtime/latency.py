"""Latency and throughput of a model on ONNX Runtime."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from netspec.diagnostics import ModelError
from netspec.runtime.predictor import Predictor


@dataclass(frozen=True, slots=True)
class Latency:
    """Times of one batch, in milliseconds, over `runs` runs after a warm-up."""

    batch_size: int
    runs: int
    p50_ms: float
    p90_ms: float
    p99_ms: float
    samples_per_second: float


def measure(predictor: Predictor, batch_size: int, runs: int = 100) -> Latency:
    """Run random inputs and take the times.

    Raises:
        ModelError: `model-file`: an input has an axis of unknown size beside the batch.
    """
    generator = np.random.default_rng(0)
    feeds = {}
    for name, shape in predictor.inputs.items():
        if not all(isinstance(size, int) for size in shape):
            message = f"the input `{name}` has free axes: {list(shape)}"
            raise ModelError.at(str(predictor.path), "model-file", message)
        feeds[name] = generator.random((batch_size, *shape), dtype=np.float32)
    seconds = []
    for run in range(runs + max(3, runs // 10)):
        started = time.perf_counter()
        predictor.predict(feeds)
        if run >= max(3, runs // 10):
            seconds.append(time.perf_counter() - started)
    p50, p90, p99 = (float(value) * 1e3 for value in np.percentile(seconds, (50, 90, 99)))
    return Latency(batch_size, runs, p50, p90, p99, batch_size * 1e3 / p50)
