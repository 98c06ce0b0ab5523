"""The schedule that goes by what is measured."""

from typing import Annotated, Literal

from netspec.ops.attributes import NonNegativeFloat, NonNegativeInt
from netspec.training.schedules.base import Schedule
from netspec.training.table import fraction


class ReduceOnPlateau(Schedule):
    """The rate is multiplied by `factor` after `patience` evaluations without a smaller loss on held-out samples."""

    name, torch_name, watches = "reduce_on_plateau", "ReduceLROnPlateau", True
    mode: Literal["min", "max"] = "min"
    factor: Annotated[float, fraction()] = 0.1
    patience: NonNegativeInt = 10
    threshold: NonNegativeFloat = 1e-4
    threshold_mode: Literal["rel", "abs"] = "rel"
    cooldown: NonNegativeInt = 0
    min_lr: NonNegativeFloat = 0.0
    eps: NonNegativeFloat = 1e-8
