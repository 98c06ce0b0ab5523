"""The closed table of readers. Each declares its fields with types before it reads data. Imports no numpy."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, StringConstraints

from netspec.data.field import Field, label
from netspec.diagnostics import DataError
from netspec.ir import DType, TensorType
from netspec.lang.folder import Folder
from netspec.ops.attributes import Domain, Refusal, integer

if TYPE_CHECKING:
    from netspec.data.idx_file import Header
    from netspec.data.samples import Samples

Split = Literal["train", "validation", "test"]
FileName = Annotated[str, StringConstraints(min_length=1, max_length=4096)]
MAX_CLASSES = 256  # labels are bytes

_DIGITS = tuple("0123456789")


def _classes(value: Any) -> Any:
    if type(value) is int:
        return integer(1, "", high=MAX_CLASSES).read(value)
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return Refusal("wrong-type")
    return tuple(value) if 0 < len(value) <= MAX_CLASSES and len(set(value)) == len(value) else Refusal("wrong-value")


_CLASSES = Domain(
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

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

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


class Mnist(Reader):
    """The MNIST database of handwritten digits (LeCun, Cortes, Burges), which netspec brings along: 60,000 + 10,000.

    Fields: image uint8 [1, 28, 28]; label int64 below 10.
    """

    name = "mnist"
    split: Literal["train", "test"] = "train"

    def declare(self, folder: Folder) -> dict[str, Field]:
        return {"image": Field(TensorType((1, 28, 28), DType.UINT8)), "label": label(_DIGITS)}

    def load(self, folder: Folder) -> "Samples":
        from netspec.data.samples import samples

        inside = Folder(Path(__file__).parent / "mnist")
        stem = "train" if self.split == "train" else "t10k"
        images, labels = self._read(f"{stem}-images-idx3", inside), self._read(f"{stem}-labels-idx1", inside)
        return samples(self.declare(folder), {"image": images, "label": labels}, "MNIST's labels")

    def own(self, split: Split) -> Self | None:
        return self.model_copy(update={"split": "test"}) if split == "test" else None

    def _read(self, stem: str, folder: Folder) -> "tuple[Header, bytearray]":
        from hashlib import sha256

        from netspec.data.idx_file import read  # here, not above: a check of embedded data reads none

        header, data = read(f"{stem}-ubyte.gz", folder)
        if sha256(header.encode() + data).hexdigest() != _SHA256[stem]:
            message = "the embedded MNIST file is damaged: its hash is not the one it was packed with"
            raise DataError.at(f"{stem}-ubyte.gz", "data-file", message, help="install netspec again")
        return header, data


class Idx(Reader):
    """A user's own IDX files, plain or .gz: images [N, H, W] or [N, C, H, W] (or vectors [N, D]), labels [N]; uint8.

    Fields: image uint8 [1, H, W], [C, H, W] or [D]; label int64 below `classes` (a number, or the classes' names).
    """

    name = "idx"
    images: FileName
    labels: FileName
    classes: Annotated[int | tuple[str, ...], _CLASSES] = 10

    def declare(self, folder: Folder) -> dict[str, Field]:
        from netspec.data.idx_file import read_header

        header = self._headers(read_header(self.images, folder), read_header(self.labels, folder))
        shape = header.shape[1:]
        image = TensorType((1, *shape) if len(shape) == 2 else shape, DType.UINT8)
        names = tuple(map(str, range(self.classes))) if isinstance(self.classes, int) else self.classes
        return {"image": Field(image), "label": label(names)}

    def load(self, folder: Folder) -> "Samples":
        from netspec.data.idx_file import read
        from netspec.data.samples import samples

        fields = self.declare(folder)
        images, labels = read(self.images, folder), read(self.labels, folder)
        self._headers(images[0], labels[0])
        return samples(fields, {"image": images, "label": labels}, self.labels)

    def _headers(self, images: "Header", labels: "Header") -> "Header":
        if len(labels.shape) != 1:
            raise DataError.at(self.labels, "data-file", f"labels are one number a sample, the file has {labels}")
        if len(images.shape) < 2:
            raise DataError.at(self.images, "data-file", f"images have two axes at least, the file has {images}")
        if images.shape[0] != labels.shape[0]:
            message = f"{images.shape[0]:,} images, but {labels.shape[0]:,} labels in {self.labels}"
            raise DataError.at(self.images, "data-file", message)
        return images


READERS: dict[str, type[Reader]] = {reader.name: reader for reader in (Mnist, Idx)}

_LATER_IMAGES = "cifar10 image_folder arrays table coco_captions generated tar_shards"
_LATER_TEXTS = "text labelled_text parallel_text word_windows"
#: Readers of the language that this release does not have yet.
LATER = frozenset(f"{_LATER_IMAGES} {_LATER_TEXTS}".split())

# Of the unpacked files, as at least eight independent projects pin them.
_SHA256 = {
    "train-images-idx3": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
