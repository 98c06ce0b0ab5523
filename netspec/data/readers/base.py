"""What every reader is: arguments, the fields it declares, and its samples. Imports no numpy."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from netspec.data.field import Field
from netspec.lang.document import VocabDecl
from netspec.lang.folder import Folder
from netspec.ops.attributes import Domain, NonNegativeInt, OptionalPositiveInt, Refusal, integer

if TYPE_CHECKING:
    from netspec.data.samples import Samples

Split = Literal["train", "validation", "test"]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=4096)]


def classes(most: int) -> Domain:
    """How many classes there are, or their names."""

    def read(value: Any) -> Any:
        if type(value) is int:
            return integer(1, "", high=most).read(value)
        if not isinstance(value, (list, tuple)) or not all(isinstance(name, str) for name in value):
            return Refusal("wrong-type")
        return tuple(value) if 0 < len(value) <= most and len(set(value)) == len(value) else Refusal("wrong-value")

    number: dict[str, Any] = {"type": "integer", "minimum": 1, "maximum": most}
    names = {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": most, "uniqueItems": True}
    return Domain(
        f"a number from 1 to {most:,}, or a list of as many different names", read, {"anyOf": [number, names]}
    )


#: Labels that are bytes.
BYTE_CLASSES = classes(256)
CLASSES = classes(1_000_000)


def class_names(given: "int | tuple[str, ...]") -> tuple[str, ...]:
    """Names of classes; numbers where only their number is known."""
    return tuple(map(str, range(given))) if isinstance(given, int) else given


class Reader(BaseModel):
    """A source of samples. `fields` renames: the new name stands before the reader's own.

    The first `skip` samples are left out, and of the others `take` are read (none: all).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)

    name: ClassVar[str]
    fields: dict[str, str] = {}
    skip: NonNegativeInt = 0
    take: OptionalPositiveInt = None

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

    def with_vocabs(self, decls: Mapping[str, VocabDecl]) -> Self:
        """The reader that knows the spec's vocabularies.

        Raises:
            DataError: `unknown-name`: there is none of the name that it wants.
        """
        return self

    def own(self, split: Split) -> Self | None:
        """The reader's own part for validation or test, if it has one."""
        return None
