"""Sequences drawn by a rule: what recurrent networks are tried on."""

from typing import TYPE_CHECKING, Annotated, Any, Literal

from netspec.data.field import Field, label, sequence
from netspec.data.readers.base import Reader
from netspec.ir import DType, TensorType
from netspec.lang.folder import Folder
from netspec.ops.attributes import Domain, NonNegativeInt, PositiveInt, Refusal, integer

if TYPE_CHECKING:
    from netspec.data.samples import Samples

Task = Literal["adding", "temporal_order", "copy"]
#: The shortest sequence in which each task has its places.
MIN_LENGTH = 6
MAX_LENGTH = 1_000_000
#: Of temporal order: what is to be remembered, in which order.
ORDERS = ("XX", "XY", "YX", "YY")
#: Of temporal order: four distractors, X and Y, the start and the end.
SYMBOLS = 8
#: Of copying: a blank, and the mark at which the copy begins.
EXTRA = 2


def _read_length(value: Any) -> Any:
    """One length, or the shortest and the longest."""
    one = integer(MIN_LENGTH, "", high=MAX_LENGTH)
    if type(value) is int:
        return one.read(value)
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        return Refusal("wrong-type")
    ends = [one.read(each) for each in value]
    refused = next((each for each in ends if isinstance(each, Refusal)), None)
    return refused or (tuple(ends) if ends[0] <= ends[1] else Refusal("wrong-value"))


_NUMBER = {"type": "integer", "minimum": MIN_LENGTH, "maximum": MAX_LENGTH}
_EXPECTED = f"a length from {MIN_LENGTH} to {MAX_LENGTH:,}, or a list of the shortest and the longest"
Length = Annotated[
    int | tuple[int, int],
    Domain(_EXPECTED, _read_length, {"anyOf": [_NUMBER, {"type": "array", "items": _NUMBER, "minItems": 2}]}),
]


class Generated(Reader):
    """Sequences that are drawn, `samples` of them; equal seeds give equal samples.

    `adding`: `sequence` float32 [T, 2] holds numbers from 0 to 1 and marks, of which one lies in each half; `target`
    float32 [1] is the sum of the two marked numbers. `temporal_order`: `sequence` int64 [T] below 8 holds X or Y at two
    places among distractors, between a start and an end; `target` says which of XX, XY, YX, YY. `copy`: `sequence`
    int64 [T + 2 * items] below `symbols + 2` holds items, blanks and a mark; `target`, as long, repeats the items.
    With `length: [100, 110]` each sample has a length of its own between these.

    Fields: sequence, target.
    """

    name = "generated"
    task: Task
    length: Length
    samples: PositiveInt
    items: PositiveInt = 10
    symbols: PositiveInt = 8
    seed: NonNegativeInt = 0

    def declare(self, folder: Folder) -> dict[str, Field]:
        if self.task == "adding":
            return {"sequence": self._sequence((2,), DType.FLOAT32), "target": Field(TensorType((1,)))}
        if self.task == "temporal_order":
            return {"sequence": self._sequence((), DType.INT64, SYMBOLS), "target": label(ORDERS)}
        copied = self._sequence((), DType.INT64, self.symbols + EXTRA)
        return {"sequence": copied, "target": copied}

    def _sequence(self, shape: tuple[int, ...], dtype: DType, below: int | None = None) -> Field:
        more = 2 * self.items if self.task == "copy" else 0
        if isinstance(self.length, int):
            return Field(TensorType((self.length + more, *shape), dtype), below)
        return sequence(shape, dtype, below)

    def load(self, folder: Folder) -> "Samples":
        from netspec.data import tasks

        ends = (self.length, self.length) if isinstance(self.length, int) else self.length
        if self.task == "copy":
            return tasks.copy(ends, self.samples, self.items, self.symbols, self.seed)
        draw = tasks.adding if self.task == "adding" else tasks.temporal_order
        return draw(ends, self.samples, self.seed)
