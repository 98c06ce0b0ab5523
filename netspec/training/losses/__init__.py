"""Losses: `torch.nn.functional` by its names, arguments and defaults. A test compares them with torch's signatures."""

from netspec.lang.families import Families
from netspec.training.losses.base import Loss, Relation

LOSSES: Families[Loss] = Families(__name__, ("of_classes", "of_values", "of_layers"), Loss)
#: Those that torch has no function for.
OWN = frozenset({"sum", "value"})

#: Losses of the language that this release does not have yet.
LATER = frozenset({"ctc_loss"})

__all__ = ["LATER", "LOSSES", "OWN", "Loss", "Relation"]
