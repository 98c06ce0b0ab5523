"""Schedules that go along cosines, or up and down."""

from typing import Annotated, Any, Literal

from netspec.ops.attributes import (
    NonNegativeFloat,
    OptionalPositiveInt,
    PositiveFloat,
    PositiveInt,
    Probability,
    number,
    or_null,
)
from netspec.training.schedules.base import Schedule

OptionalRate = Annotated[float | None, or_null(number(0, "", above=True), "a positive number, or none")]


class CosineAnnealing(Schedule):
    """Half a cosine from the rate to `eta_min` (Loshchilov, Hutter 2016, without restarts)."""

    name, torch_name, length = "cosine_annealing", "CosineAnnealingLR", "T_max"
    T_max: OptionalPositiveInt = None
    eta_min: NonNegativeFloat = 0.0


class CosineAnnealingWarmRestarts(Schedule):
    """Half cosines, each `T_mult` times as long as the one before (Loshchilov, Hutter 2016)."""

    name, torch_name, main = "cosine_annealing_warm_restarts", "CosineAnnealingWarmRestarts", "T_0"
    T_0: PositiveInt
    T_mult: PositiveInt = 1
    eta_min: NonNegativeFloat = 0.0


class OneCycle(Schedule):
    """Up to `max_lr` (the optimiser's rate if left out) and down again (Smith, Topin 2017). Counts steps."""

    name, torch_name, main, length = "one_cycle", "OneCycleLR", "max_lr", "total_steps"
    per = "step"
    max_lr: OptionalRate = None
    total_steps: OptionalPositiveInt = None
    pct_start: Probability = 0.3
    anneal_strategy: Literal["cos", "linear"] = "cos"
    cycle_momentum: bool = True
    base_momentum: Probability = 0.85
    max_momentum: Probability = 0.95
    div_factor: PositiveFloat = 25.0
    final_div_factor: PositiveFloat = 1e4
    three_phase: bool = False

    def filled(self, rest: int, rates: list[float]) -> dict[str, Any]:
        return super().filled(rest, rates) | ({"max_lr": rates} if self.max_lr is None else {})


class Cyclic(Schedule):
    """Up and down between two rates, again and again (Smith 2015). Counts steps."""

    name, torch_name = "cyclic", "CyclicLR"
    per = "step"
    base_lr: NonNegativeFloat
    max_lr: PositiveFloat
    step_size_up: PositiveInt = 2000
    step_size_down: OptionalPositiveInt = None
    mode: Literal["triangular", "triangular2", "exp_range"] = "triangular"
    gamma: PositiveFloat = 1.0
    cycle_momentum: bool = True
    base_momentum: Probability = 0.8
    max_momentum: Probability = 0.9
