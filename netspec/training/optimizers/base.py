"""What every optimiser is."""

from typing import Annotated, ClassVar

from netspec.ops.attributes import NonNegativeFloat
from netspec.training.table import Entry, fraction, pair

Betas = Annotated[tuple[float, float], pair(fraction(), "a list of two numbers from 0, below 1")]


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
