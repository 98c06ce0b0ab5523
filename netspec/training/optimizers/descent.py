"""Descent along the gradient."""

from pydantic import ValidationInfo, field_validator

from netspec.ops.attributes import NonNegativeFloat, PositiveFloat
from netspec.training.optimizers.base import Decaying


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


class ASGD(Decaying):
    """Averaged stochastic gradient descent (Polyak, Juditsky 1992)."""

    name, torch_name = "asgd", "ASGD"
    lr: NonNegativeFloat = 1e-2
    lambd: NonNegativeFloat = 1e-4
    alpha: NonNegativeFloat = 0.75
    t0: PositiveFloat = 1e6
