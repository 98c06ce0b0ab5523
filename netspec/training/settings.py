"""The plain keys of a `train` section, and the keys that this release does not read yet."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from netspec.ops.attributes import (
    Float,
    NonNegativeInt,
    OptionalPositiveInt,
    PositiveInt,
    integer,
    number,
    or_null,
    or_word,
)
from netspec.training.schedules import Period

OptionalNumber = Annotated[float | None, or_null(number(0, "", above=True), "a positive number, or none")]
Interval = Annotated[Any, or_word(integer(1, ""), "epoch", expected="`epoch`, or a number of steps")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Settings(_Section):
    """Keys with one value each; their defaults are the language's."""

    batch_size: PositiveInt = 32
    shuffle: bool = True
    epochs: OptionalNumber = None
    steps: OptionalPositiveInt = None
    clip_grad_norm: OptionalNumber = None
    seed: NonNegativeInt = 0


class Evaluate(_Section):
    """How often the validation data are measured: every epoch, or every so many steps."""

    every: Interval = "epoch"


class Keep(_Section):
    """Which weights are kept: the best by a metric of the validation data, and the last."""

    best: str = "loss"
    last: bool = True


class Share(_Section):
    """What stands beside a loss: its share in the sum."""

    weight: Float = 1.0


class Timing(_Section):
    """What stands beside a schedule: its period, a linear warm-up, and its length in a list of them."""

    per: Period | None = None
    warmup: NonNegativeInt = 0
    for_: OptionalPositiveInt = Field(default=None, alias="for")


PLAIN = frozenset(Settings.model_fields)
OTHER = frozenset({"data", "validation", "test", "loss", "metrics", "optimizer", "schedule", "evaluate", "keep"})
_LATER_STEPS = "augment bucket clip_grad_value ema bptt accumulate precision"
_LATER_RUNS = "weights freeze train_only updates early_stopping stages"
LATER = frozenset(f"{_LATER_STEPS} {_LATER_RUNS}".split())
