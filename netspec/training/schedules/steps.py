"""Schedules that take the rate down, once and again or along a curve."""

from typing import Annotated

from netspec.ops.attributes import (
    NonNegativeFloat,
    OptionalPositiveInt,
    PositiveFloat,
    PositiveInt,
    Probability,
    integer,
    list_of,
    number,
)
from netspec.training.schedules.base import Schedule

Milestones = Annotated[
    tuple[int, ...], list_of(integer(1, "a positive integer"), "a list of up to 16 positive integers")
]


class Step(Schedule):
    """The rate is multiplied by gamma every `step_size` periods."""

    name, torch_name, main = "step", "StepLR", "step_size"
    step_size: PositiveInt
    gamma: NonNegativeFloat = 0.1


class MultiStep(Schedule):
    """The rate is multiplied by gamma at each milestone."""

    name, torch_name, main = "multi_step", "MultiStepLR", "milestones"
    milestones: Milestones
    gamma: NonNegativeFloat = 0.1


class Exponential(Schedule):
    """The rate is multiplied by gamma every period."""

    name, torch_name, main = "exponential", "ExponentialLR", "gamma"
    gamma: PositiveFloat


class Linear(Schedule):
    """From `start_factor` to `end_factor` of the rate, in a straight line."""

    name, torch_name, length = "linear", "LinearLR", "total_iters"
    start_factor: Annotated[float, number(0, "a number above 0, up to 1", high=1, above=True)] = 1 / 3
    end_factor: Probability = 1.0
    total_iters: OptionalPositiveInt = None


class Constant(Schedule):
    """`factor` of the rate for `total_iters` periods, then the rate."""

    name, torch_name, length = "constant", "ConstantLR", "total_iters"
    factor: Probability = 1 / 3
    total_iters: OptionalPositiveInt = None


class Polynomial(Schedule):
    """(1 - t/total_iters) ** power of the rate."""

    name, torch_name, length = "polynomial", "PolynomialLR", "total_iters"
    total_iters: OptionalPositiveInt = None
    power: NonNegativeFloat = 1.0
