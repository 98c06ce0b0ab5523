"""The closed table of readers. Each declares its fields with types before it reads data. Imports no numpy.

A reader stands in the module of its name, which is imported when the reader is used: a check needs one of them.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module

from netspec.data.readers.base import Reader, Split

#: In the order of the reference.
_NAMES = ("mnist", "idx", "cifar10", "image_folder", "arrays", "table", "generated", "text")
#: Readers of the language that this release does not have yet.
LATER = frozenset({"coco_captions", "tar_shards", "labelled_text", "parallel_text", "word_windows"})


@cache
def _reader(name: str) -> type[Reader]:
    module = import_module(f"netspec.data.readers.{name}")
    members = (member for member in vars(module).values() if isinstance(member, type) and issubclass(member, Reader))
    return next(member for member in members if member.__module__ == module.__name__)


class _Readers(Mapping[str, type[Reader]]):
    def __getitem__(self, name: str) -> type[Reader]:
        if name not in _NAMES:
            raise KeyError(name)
        return _reader(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


READERS: Mapping[str, type[Reader]] = _Readers()

__all__ = ["LATER", "READERS", "Reader", "Split"]
