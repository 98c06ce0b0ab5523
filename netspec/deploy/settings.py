"""The plain keys of an `export` section."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import BaseModel, ConfigDict

from netspec.ops.attributes import MAX_FLOAT, PositiveInt, Probability, integer, number
from netspec.ops.lowering import OPSETS

Opset = Annotated[int, integer(OPSETS[0], f"an opset from {OPSETS[0]} to {OPSETS[-1]}", high=OPSETS[-1])]
Limit = Annotated[float, number(0, "a number from 0", high=MAX_FLOAT)]
Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Settings(_Section):
    """Keys with one value each."""

    preprocess: bool = False
    opset: Opset = 20


class Tolerance(_Section):
    """max|a - b| <= atol + rtol * max|b| for each output."""

    atol: Limit = 1e-5
    rtol: Limit = 1e-4


#: Ten bits of mantissa: a rounding of 1e-3 in each layer.
HALF = Tolerance(atol=1e-3, rtol=1e-2)


class Int8(_Section):
    """How int8 is calibrated, and what it may cost.

    `samples` give the ranges of values; of `held_out` others the metric of both models is taken, and may get worse by
    `max_drop` (of accuracy and its like absolutely, of errors relatively).
    """

    samples: PositiveInt = 200
    held_out: PositiveInt = 1000
    max_drop: Probability = 0.01


PLAIN = frozenset(Settings.model_fields)
OTHER = frozenset({"graphs", "after", "labels", "fixed", "precision", "tolerance", "tables"})
GRAPH_KEYS = frozenset({"inputs", "outputs", "step"})
