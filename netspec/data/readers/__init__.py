"""The closed table of readers. Each declares its fields with types before it reads data. Imports no numpy."""

from netspec.data.readers.arrays import Arrays
from netspec.data.readers.base import Reader, Split
from netspec.data.readers.cifar10 import Cifar10
from netspec.data.readers.generated import Generated
from netspec.data.readers.idx import Idx
from netspec.data.readers.image_folder import ImageFolder
from netspec.data.readers.mnist import Mnist
from netspec.data.readers.table import Table
from netspec.data.readers.text import Text

READERS: dict[str, type[Reader]] = {
    reader.name: reader for reader in (Mnist, Idx, Cifar10, ImageFolder, Arrays, Table, Generated, Text)
}

_LATER_IMAGES = "coco_captions tar_shards"
_LATER_TEXTS = "labelled_text parallel_text word_windows"
#: Readers of the language that this release does not have yet.
LATER = frozenset(f"{_LATER_IMAGES} {_LATER_TEXTS}".split())

__all__ = [
    "LATER",
    "READERS",
    "Arrays",
    "Cifar10",
    "Generated",
    "Idx",
    "ImageFolder",
    "Mnist",
    "Reader",
    "Split",
    "Table",
    "Text",
]
