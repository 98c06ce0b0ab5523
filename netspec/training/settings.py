"""The plain keys of a `train` section: their types and defaults."""

from typing import Annotated, Any, Literal

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
from netspec.training.schedules.base import Period
from netspec.training.table import fraction

OptionalNumber = Annotated[float | None, or_null(number(0, "", above=True), "a positive number, or none")]
Interval = Annotated[Any, or_word(integer(1, ""), "epoch", expected="`epoch`, or a number of steps")]
Decay = Annotated[float, fraction()]
Precision = Literal["float32", "bfloat16", "float16"]


class _Section(BaseModel):
    # defer_build: few specs use all of them.
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, defer_build=True)


class Settings(_Section):
    """Keys with one value each; their defaults are the language's."""

    batch_size: PositiveInt = 32
    shuffle: bool = True
    epochs: OptionalNumber = None
    steps: OptionalPositiveInt = None
    clip_grad_norm: OptionalNumber = None
    clip_grad_value: OptionalNumber = None
    accumulate: PositiveInt = 1
    precision: Precision = "float32"
    seed: NonNegativeInt = 0


class Evaluate(_Section):
    """How often the validation data are measured: every epoch, or every so many steps."""

    every: Interval = "epoch"


class Keep(_Section):
    """Which weights are kept: the best by a metric of the validation data, and the last."""

    best: str = "loss"
    last: bool = True


class Ema(_Section):
    """An exponential moving average of the weights: `decay` is the share of the average that stays in each step."""

    decay: Decay = 0.999


class EarlyStopping(_Section):
    """The end after `patience` evaluations in a row without a better value of a validation metric."""

    metric: str = "loss"
    patience: PositiveInt = 10


class Bucket(_Section):
    """Batches of samples whose lengths along `by` are similar: those of `width` neighbouring lengths go together."""

    by: str
    width: PositiveInt = 10


class Bptt(_Section):
    """Backpropagation through time, cut: running streams in chunks of `steps`; `carry` hands recurrent states on."""

    steps: PositiveInt
    carry: bool = True


class Share(_Section):
    """What stands beside a loss: its share in the sum, and an axis along which every position has the one target."""

    weight: Float = 1.0
    each: str | None = None


class Timing(_Section):
    """What stands beside a schedule: its period, a linear warm-up, and its length in a list of them."""

    per: Period | None = None
    warmup: NonNegativeInt = 0
    for_: OptionalPositiveInt = Field(default=None, alias="for")


class Turns(_Section):
    """What is plain in an update: its name, and in every how many steps it is made."""

    name: str
    every: PositiveInt = 1


PLAIN = frozenset(Settings.model_fields)
OTHER = frozenset(
    "data validation test augment loss metrics weights freeze train_only optimizer schedule updates".split()
) | frozenset("ema evaluate early_stopping keep stages bucket bptt".split())
#: Keys of the language that this release does not read yet.
LATER: frozenset[str] = frozenset()
