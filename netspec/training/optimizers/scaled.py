"""Rates of their own for every parameter, from the gradients seen so far or from their signs."""

from typing import Annotated

from pydantic import field_validator

from netspec.ops.attributes import NonNegativeFloat, Probability, number
from netspec.training.optimizers.base import Decaying, Optimizer
from netspec.training.table import pair

_POSITIVE = number(0, "a positive finite number", above=True)
Positives = Annotated[tuple[float, float], pair(_POSITIVE, "a list of two positive numbers, the smaller first")]


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
