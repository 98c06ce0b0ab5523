"""The database that netspec brings along."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self

from netspec.data.field import Field, label
from netspec.data.readers.base import Reader, Split
from netspec.diagnostics import DataError
from netspec.ir import DType, TensorType
from netspec.lang.folder import Folder

if TYPE_CHECKING:
    from netspec.data.idx_file import Header
    from netspec.data.samples import Samples

_DIGITS = tuple("0123456789")
_HOME = Path(__file__).parent.parent / "mnist"

# Of the unpacked files, as at least eight independent projects pin them.
_SHA256 = {
    "train-images-idx3": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


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

        inside = Folder(_HOME)
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
