"""NumPy's own files."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from netspec.data.field import Field
from netspec.data.readers.base import CLASSES, FileName, Reader, class_names
from netspec.diagnostics import DataError, ModelError
from netspec.ir import DType, TensorType
from netspec.lang.folder import Folder

if TYPE_CHECKING:
    from netspec.data.samples import Samples
    from netspec.weights.stored import Stored

Classes = Annotated[int | tuple[str, ...], CLASSES]


class Arrays(Reader):
    """Arrays of NumPy, the samples along their first axis, without pickle.

    `file` is an .npz file, each array of which becomes a field, or an .npy file, whose field is called `array`;
    `files: {image: x.npy, label: y.npy}` names several. `classes: {label: 10}` says of a field that it holds labels,
    with their number or their names. Floats become float32; whole numbers int64, but bytes stay uint8.

    Fields: as the files say.
    """

    name = "arrays"
    file: FileName | None = None
    files: dict[str, FileName] = {}
    classes: dict[str, Classes] = {}

    def declare(self, folder: Folder) -> dict[str, Field]:
        fields: dict[str, Field] = {}
        for place, stored in self._opened(folder):
            if not stored.shape or stored.shape[0] == 0:
                raise DataError.at(
                    place, "data-file", f"the array {stored.key} has shape {list(stored.shape)}: no sample"
                )
            fields[stored.key] = self._field(stored)
        strange = [name for name in self.classes if name not in fields]
        if strange:
            message = f"`classes` names {strange[0]}, but the arrays are {', '.join(fields) or 'none'}"
            raise DataError.at(self.file or "files", "data-file", message)
        return fields

    def load(self, folder: Folder) -> "Samples":
        from netspec.data.samples import Samples
        from netspec.data.values import as_field, check_equal_counts

        fields = self.declare(folder)
        with _as_data():
            found = {stored.key: (place, stored.read()) for place, stored in self._opened(folder)}
        check_equal_counts({name: (place, len(array)) for name, (place, array) in found.items()})
        return Samples({name: as_field(array, fields[name], name, place) for name, (place, array) in found.items()})

    def _opened(self, folder: Folder) -> "Iterator[tuple[str, Stored]]":
        """Each array with its file, while the file is open.

        Raises:
            DataError: `data-file`: damaged, pickled, or of another size than it says.
        """
        named = {**({"": self.file} if self.file is not None else {}), **self.files}
        if not named:
            raise DataError.at("arrays", "data-file", "the reader needs `file` or `files`")
        from netspec.data.array_file import read_arrays

        for name, file in named.items():
            with _as_data(), folder.open(file) as opened:
                for stored in read_arrays(opened, file, name or "array"):
                    yield file, stored

    def _field(self, stored: "Stored") -> Field:
        dtype = DType.FLOAT32 if stored.dtype.startswith("float") else DType.INT64
        dtype = DType(stored.dtype) if stored.dtype in ("uint8", "bool") else dtype
        known = self.classes.get(stored.key)
        names = class_names(known) if known is not None else ()
        return Field(TensorType(stored.shape[1:], DType.INT64 if names else dtype), len(names) or None, names)


@contextmanager
def _as_data() -> Iterator[None]:
    """What is wrong with a file is the data's fault here."""
    try:
        yield
    except ModelError as error:
        found = error.diagnostics[0]
        raise DataError.at(found.place or "", "data-file", found.message, help=_no_pickle(found.help)) from None


def _no_pickle(help: str | None) -> Any:
    return "save them with numpy.save or numpy.savez, as numbers" if help is not None else None
