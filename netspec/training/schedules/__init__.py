"""Learning-rate schedules: `torch.optim.lr_scheduler` by its classes in snake_case without `LR`, with their arguments.

A length that is left out is the rest of the run. A test compares each entry with torch's signature.
"""

from netspec.lang.families import Families
from netspec.training.schedules.base import Period, Schedule

SCHEDULES: Families[Schedule] = Families(__name__, ("steps", "cycles", "plateau"), Schedule)

#: Schedules of torch that are functions, which a spec cannot hold.
LATER = frozenset({"lambda", "multiplicative"})

__all__ = ["LATER", "SCHEDULES", "Period", "Schedule"]
