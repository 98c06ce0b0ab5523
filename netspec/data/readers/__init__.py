"""The closed table of readers. Each declares its fields with types before it reads data. Imports no numpy.

A reader stands in the module of its name, which is imported when the reader is used: a check needs one of them.
"""

from netspec.data.readers.base import Reader, Split
from netspec.lang.families import Families

#: Readers of the language that this release does not have yet.
LATER = frozenset({"coco_captions", "tar_shards", "labelled_text", "parallel_text", "word_windows"})

_MODULES = ("mnist", "idx", "cifar10", "image_folder", "arrays", "table", "generated", "text")
READERS: Families[Reader] = Families(__name__, _MODULES, Reader)

__all__ = ["LATER", "READERS", "Reader", "Split"]
