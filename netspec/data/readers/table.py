"""Tables: a sample a row, a field a column."""

from typing import TYPE_CHECKING, Annotated, Any

from netspec.data.field import Field, label
from netspec.data.readers.base import CLASSES, FileName, Reader, class_names
from netspec.diagnostics import DataError
from netspec.ir import DType, TensorType
from netspec.lang.folder import Folder
from netspec.ops.attributes import Domain, Refusal, or_null

if TYPE_CHECKING:
    from netspec.data.samples import Samples
    from netspec.data.table_file import Table as Content

MAX_COLUMNS = 65_536


def _columns(value: Any) -> Any:
    if not isinstance(value, (list, tuple)):
        return Refusal("wrong-type")
    fine = all(isinstance(name, str) for name in value) and 0 < len(set(value)) == len(value) <= MAX_COLUMNS
    return tuple(value) if fine else Refusal("wrong-value")


_COLUMNS = Domain(
    "a list of different names of columns",
    _columns,
    {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": MAX_COLUMNS, "uniqueItems": True},
)
Columns = Annotated[tuple[str, ...] | None, or_null(_COLUMNS, "a list of different names of columns, or none")]
Classes = Annotated[int | tuple[str, ...], CLASSES]


class Table(Reader):
    """A table in a file: comma or tab separated values in UTF-8 with a line of names, or Parquet.

    Columns become fields of one number, float32. `vector: [a, b, c]` joins columns into the field `vector`.
    `classes: {species: [setosa, versicolor]}` makes labels of a column: texts of the list, or numbers below one.
    `columns: [a, b, c]` names the columns of a file without a line of names. Columns whose first value is a text are
    left out where `classes` does not name them. Parquet needs the extra `netspec[parquet]`.

    Fields: vector float32 [n]; each column of `classes` int64 below the number of its classes; each other column
    float32 [].
    """

    name = "table"
    file: FileName
    vector: Columns = None
    classes: dict[str, Classes] = {}
    columns: Columns = None

    def declare(self, folder: Folder) -> dict[str, Field]:
        from netspec.data.table_file import head

        return self._fields(head(self.file, folder, self.columns))

    def load(self, folder: Folder) -> "Samples":
        import numpy as np

        from netspec.data.samples import Samples
        from netspec.data.table_file import read

        content = read(self.file, folder, self.columns)
        fields = self._fields(content)
        arrays: dict[str, Any] = {}
        for name, field in fields.items():
            if name == "vector" and self.vector is not None:
                arrays[name] = np.stack([content.numbers(each) for each in self.vector], axis=1)
            elif field.below is not None:
                arrays[name] = content.labels(name, self.classes[name])
            else:
                arrays[name] = content.numbers(name)
        return Samples(arrays)

    def _fields(self, content: "Content") -> dict[str, Field]:
        joined = self.vector or ()
        for name in (*joined, *self.classes):
            content.require(name)
        if joined and "vector" in content.names and "vector" not in joined:
            message = "a column is called `vector`, and so is the field of the joined columns"
            raise DataError.at(self.file, "data-file", message)
        fields = {"vector": Field(TensorType((len(joined),)))} if joined else {}
        for name in content.names:
            if name in self.classes:
                fields[name] = label(class_names(self.classes[name]))
            elif name not in joined and content.is_number(name):
                fields[name] = Field(TensorType((), DType.FLOAT32))
        return fields
