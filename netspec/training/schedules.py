"""Learning-rate schedules: `torch.optim.lr_scheduler` by its classes in snake_case without `LR`, with their arguments.

A length that is left out is the rest of the run. A test compares each entry with torch's signature.
"""

from typing import Annotated, Any, ClassVar, Literal

from netspec.ops.attributes import (
    NonNegativeFloat,
    NonNegativeInt,
    OptionalPositiveInt,
    PositiveFloat,
    PositiveInt,
    Probability,
    integer,
    list_of,
    number,
    or_null,
)
from netspec.training.table import Entry, fraction

Period = Literal["epoch", "step"]
Milestones = Annotated[
    tuple[int, ...], list_of(integer(1, "a positive integer"), "a list of up to 16 positive integers")
]
OptionalRate = Annotated[float | None, or_null(number(0, "", above=True), "a positive number, or none")]


class Schedule(Entry):
    """Base of all. `torch_name` is the class, `length` its argument that defaults to the rest of the run."""

    torch_name: ClassVar[str]
    length: ClassVar[str | None] = None
    #: Whether it goes by the loss of evaluations, and not by a number of periods.
    watches: ClassVar[bool] = False
    per: ClassVar[Period] = "epoch"

    def filled(self, rest: int, rates: list[float]) -> dict[str, Any]:
        """PyTorch's arguments, given how many periods are left and the optimiser's rates, one a group."""
        arguments = self.arguments()
        if self.length is not None and arguments[self.length] is None:
            arguments[self.length] = rest
        return arguments


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


_ALL: tuple[type[Schedule], ...] = (
    *(Step, MultiStep, Exponential, CosineAnnealing, CosineAnnealingWarmRestarts),
    *(OneCycle, Cyclic, ReduceOnPlateau, Linear, Constant, Polynomial),
)
SCHEDULES = {each.name: each for each in _ALL}

#: Schedules of torch that are functions, which a spec cannot hold.
LATER = frozenset({"lambda", "multiplicative"})
