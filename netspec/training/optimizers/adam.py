"""Adam and its kin."""

from netspec.ops.attributes import NonNegativeFloat
from netspec.training.optimizers.base import Betas, Decaying


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


class Adamax(Decaying):
    """Adam with the infinity norm (Kingma, Ba 2014, section 7)."""

    name, torch_name = "adamax", "Adamax"
    lr: NonNegativeFloat = 2e-3
    betas: Betas = (0.9, 0.999)
    eps: NonNegativeFloat = 1e-8
