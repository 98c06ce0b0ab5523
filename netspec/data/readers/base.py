"""What every reader is: arguments, the fields it declares, and its samples. Imports no numpy."""

from abc import abstractmethod
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from netspec.data.field import Field
from netspec.lang.folder import Folder
from netspec.ops.attributes import Domain, Refusal, integer

if TYPE_CHECKING:
    from netspec.data.samples import Samples

Split = Literal["train", "validation", "test"]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
MAX_CLASSES = 256  # labels are bytes


def _classes(value: Any) -> Any:
    if type(value) is int:
        return integer(1, "", high=MAX_CLASSES).read(value)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return Refusal("wrong-type")
    return tuple(value) if 0 < len(value) <= MAX_CLASSES and len(set(value)) == len(value) else Refusal("wrong-value")


CLASSES = Domain(
    f"a number from 1 to {MAX_CLASSES}, or a list of as many different names",
    _classes,
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": MAX_CLASSES},
            {"type": "array", "items": {"type": "string"}},
        ]
    },
)


class Reader(BaseModel):
    """A source of samples. `fields` renames: the new name stands before the reader's own."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    name: ClassVar[str]
    fields: dict[str, str] = {}

    @abstractmethod
    def declare(self, folder: Folder) -> dict[str, Field]:
        """The fields under the reader's own names. Reads headers at most.

        Raises:
            DataError: `data-file`: a header cannot be read or is wrong.
        """

    @abstractmethod
    def load(self, folder: Folder) -> "Samples":
        """All samples under the reader's own names, in memory.

        Raises:
            DataError: `data-file`, `data-value`, naming file, index and value.
        """

    def own(self, split: Split) -> Self | None:
        """The reader's own part for validation or test, if it has one."""
        return None
