"""How an op's output depends on an axis of its input, said once per op.

Receptive field, length arithmetic, masks, look-ahead errors and the derived one-step graph all follow from it.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pointwise:
    """Position i of the output reads position i of the input."""


@dataclass(frozen=True, slots=True)
class Window:
    """Position i of the output reads positions `i*stride + lo` to `i*stride + hi` of the input, both included."""

    stride: int
    lo: int
    hi: int


@dataclass(frozen=True, slots=True)
class Past:
    """Position i of the output reads positions 0 to i of the input."""


@dataclass(frozen=True, slots=True)
class All:
    """Every position of the output reads every position of the input."""


@dataclass(frozen=True, slots=True)
class Reverse:
    """Position i of the output reads position `size - 1 - i` of the input."""


@dataclass(frozen=True, slots=True)
class New:
    """The axis is new: no axis of the input stands for it."""


Reads = Pointwise | Window | Past | All | Reverse | New

POINTWISE = Pointwise()
PAST = Past()
ALL = All()
REVERSE = Reverse()
NEW = New()
