"""What every loss is."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from netspec.training.table import Entry, numbers

Weights = Annotated[tuple[float, ...] | None, numbers("a list of numbers that are not negative, one a class, or none")]

#: How an output and a target belong together; `netspec.training.alignment` has the rules.
Relation = Literal["elementwise", "classes", "indices", "reduced", "none"]


class Loss(Entry):
    """Base of all.

    `relation` says how the target lies to the output. `reads` are the layers that it reads, first the output, each with
    the name of torch's argument. `applies` names ops that torch's function computes itself: a layer of that kind before
    it is a mistake.
    """

    relation: ClassVar[Relation] = "elementwise"
    reads: ClassVar[Mapping[str, str]] = {"output": "input"}
    applies: ClassVar[frozenset[str]] = frozenset()

    reduction: Literal["mean", "sum"] = "mean"

    @classmethod
    def ends(cls) -> frozenset[str]:
        return frozenset(cls.reads)

    @property
    def of_classes(self) -> bool:
        """Whether the output has one axis more than the target, and the target holds indices on it."""
        return self.relation == "classes"

    @property
    def class_weights(self) -> tuple[float, ...] | None:
        """One number a class, if the loss has them."""
        return getattr(self, "weight", None)

    def arguments(self) -> dict[str, Any]:
        """PyTorch's keyword arguments; lists of numbers become tensors in the loop."""
        return self.model_dump(exclude_none=True)
