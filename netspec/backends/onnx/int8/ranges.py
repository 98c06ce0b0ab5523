"""The ranges of values on data, and the steps of uint8 that fit them best."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from netspec.backends.onnx.int8.wires import Array

BINS = 4096
LEVELS = 255
# Shares of the seen range that are tried as ends; cutting off a rare extreme often costs less than coarse steps.
SHARES = np.linspace(0.3, 1.0, 57)


@dataclass(frozen=True, slots=True)
class Steps:
    """real = scale * (stored - zero), stored being 0 to 255."""

    scale: float
    zero: int

    def real(self, array: Array) -> Array:
        """The numbers that are there after an array was stored."""
        stored = np.clip(np.round(array / self.scale) + self.zero, 0, LEVELS)
        real: Array = (stored - self.zero) * self.scale
        return real


@dataclass(slots=True)
class Seen:
    """What was seen of a value: its ends, and how often it was where."""

    low: float = 0.0
    high: float = 0.0
    counts: Array = field(default_factory=lambda: np.zeros(BINS))

    def widen(self, array: Array) -> None:
        """First pass: the ends, which always include zero, so that zero is stored exactly."""
        self.low, self.high = min(self.low, float(array.min())), max(self.high, float(array.max()))

    def count(self, array: Array) -> None:
        """Second pass: how often it lay in each part of the range."""
        if self.high > self.low:
            self.counts += np.histogram(array, BINS, (self.low, self.high))[0]

    def steps(self) -> Steps:
        """The range with the smallest mean squared error of rounding and cutting."""
        if self.high <= self.low:
            return Steps(1.0, 0)
        edges = np.linspace(self.low, self.high, BINS + 1)
        middles = (edges[1:] + edges[:-1]) / 2
        tried = [(low, high) for low in _ends(self.low) for high in _ends(self.high)]
        errors = [self._error(middles, low, high) for low, high in tried]
        return steps_of(*tried[int(np.argmin(errors))])

    def _error(self, middles: Array, low: float, high: float) -> float:
        steps = steps_of(low, high)
        return float(self.counts @ np.square(steps.real(middles) - middles))


def steps_of(low: float, high: float) -> Steps:
    """The steps of a range that includes zero."""
    scale = float(np.float32((high - low) / LEVELS)) or 1.0
    return Steps(scale, int(np.clip(np.round(-low / scale), 0, LEVELS)))


def _ends(end: float) -> Array:
    """Ends to try; a range that begins at zero begins there."""
    return end * SHARES if end else np.zeros(1)
