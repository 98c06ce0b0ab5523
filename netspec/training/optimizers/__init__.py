"""Optimisers: `torch.optim` by its classes in snake_case, with their arguments and defaults.

Left out are the switches that change how a step is computed and not what (`foreach`, `fused`, `capturable`,
`differentiable`): the loop chooses. A test compares each entry with torch's signature.
"""

from netspec.lang.families import Families
from netspec.training.optimizers.base import Optimizer

OPTIMIZERS: Families[Optimizer] = Families(__name__, ("descent", "adam", "scaled"), Optimizer)

__all__ = ["OPTIMIZERS", "Optimizer"]
