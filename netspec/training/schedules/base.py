"""What every schedule is."""

from typing import Any, ClassVar, Literal

from netspec.training.table import Entry

Period = Literal["epoch", "step"]


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
