"""Optimisers: `torch.optim` by its classes in snake_case, with their arguments and defaults.

Left out are the switches that change how a step is computed and not what (`foreach`, `fused`, `capturable`,
`differentiable`): the loop chooses. A test compares each entry with torch's signature.
"""

from typing import Annotated, ClassVar

from pydantic import ValidationInfo, field_validator

from netspec.ops.attributes import NonNegativeFloat, PositiveFloat, Probability, number
from netspec.training.table import Entry, fraction, pair

Betas = Annotated[tuple[float, float], pair(fraction(), "a list of two numbers from 0, below 1")]
_POSITIVE = number(0, "a positive finite number", above=True)
Positives = Annotated[tuple[float, float], pair(_POSITIVE, "a list of two positive numbers, the smaller first")]


class Optimizer(Entry):
    """Base of all. `torch_name` is the class; `fusable`: torch has one kernel for all parameters, also on CPU."""

    main = "lr"
    torch_name: ClassVar[str]
    fusable: ClassVar[bool] = False

    lr: NonNegativeFloat
    maximize: bool = False


class Decaying(Optimizer):
    """One that pulls the parameters towards zero if asked."""

    weight_decay: NonNegativeFloat = 0.0


class SGD(Decaying):
    """Stochastic gradient descent (Robbins, Monro 1951), with momentum (Sutskever and others 2013)."""

    name, torch_name, fusable = "sgd", "SGD", True
    lr: NonNegativeFloat = 1e-3
    momentum: NonNegativeFloat = 0.0
    dampening: NonNegativeFloat = 0.0
    nesterov: bool = False

    @field_validator("nesterov")
    @classmethod
    def _with_momentum(cls, nesterov: bool, others: ValidationInfo) -> bool:
        if nesterov and not (others.data.get("momentum", 1) > 0 and others.data.get("dampening", 0) == 0):
            raise ValueError("Nesterov momentum needs a `momentum` above 0 and no `dampening`")
        return nesterov


class Adam(Decaying):
    """Adam (Kingma, Ba 2014), the decay added to the gradient."""

    name, torch_name, fusable = "adam", "Adam", True
    lr: NonNegativeFloat = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-8
    amsgrad: bool = False
    decoupled_weight_decay: bool = False


class AdamW(Decaying):
    """Adam with decoupled weight decay (Loshchilov, Hutter 2017)."""

    name, torch_name, fusable = "adamw", "AdamW", True
    lr: NonNegativeFloat = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-8
    weight_decay: NonNegativeFloat = 1e-2
    amsgrad: bool = False


class NAdam(Decaying):
    """Adam with Nesterov momentum (Dozat 2016)."""

    name, torch_name = "nadam", "NAdam"
    lr: NonNegativeFloat = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-8
    momentum_decay: NonNegativeFloat = 4e-3
    decoupled_weight_decay: bool = False


class RAdam(Decaying):
    """Rectified Adam (Liu and others 2019)."""

    name, torch_name = "radam", "RAdam"
    lr: NonNegativeFloat = 1e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-8
    decoupled_weight_decay: bool = False


class RMSprop(Decaying):
    """RMSprop (Hinton's lecture 6e, 2012), centred if asked (Graves 2013)."""

    name, torch_name = "rmsprop", "RMSprop"
    lr: NonNegativeFloat = 1e-2
    alpha: Probability = 0.99
    eps: NonNegativeFloat = 1e-8
    momentum: NonNegativeFloat = 0.0
    centered: bool = False


class Adagrad(Decaying):
    """Adagrad (Duchi, Hazan, Singer 2011)."""

    name, torch_name, fusable = "adagrad", "Adagrad", True
    lr: NonNegativeFloat = 1e-2
    lr_decay: NonNegativeFloat = 0.0
    initial_accumulator_value: NonNegativeFloat = 0.0
    eps: NonNegativeFloat = 1e-10


class Adadelta(Decaying):
    """Adadelta (Zeiler 2012)."""

    name, torch_name = "adadelta", "Adadelta"
    lr: NonNegativeFloat = 1.0
    rho: Probability = 0.9
    eps: NonNegativeFloat = 1e-6


class Adamax(Decaying):
    """Adam with the infinity norm (Kingma, Ba 2014, section 7)."""

    name, torch_name = "adamax", "Adamax"
    lr: NonNegativeFloat = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-8


class ASGD(Decaying):
    """Averaged stochastic gradient descent (Polyak, Juditsky 1992)."""

    name, torch_name = "asgd", "ASGD"
    lr: NonNegativeFloat = 1e-2
    lambd: NonNegativeFloat = 1e-4
    alpha: NonNegativeFloat = 0.75
    t0: PositiveFloat = 1e6


class Rprop(Optimizer):
    """Resilient backpropagation (Riedmiller, Braun 1993)."""

    name, torch_name = "rprop", "Rprop"
    lr: NonNegativeFloat = 1e-2
    etas: Positives = (0.5, 1.2)
    step_sizes: Positives = (1e-6, 50.0)

    @field_validator("etas")
    @classmethod
    def _around_one(cls, etas: tuple[float, float]) -> tuple[float, float]:
        if not etas[0] < 1 < etas[1]:
            raise ValueError("expected a number below 1 and one above 1")
        return etas


OPTIMIZERS: dict[str, type[Optimizer]] = {
    each.name: each for each in (SGD, Adam, AdamW, NAdam, RAdam, RMSprop, Adagrad, Adadelta, Adamax, ASGD, Rprop)
}
