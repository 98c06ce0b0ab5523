"""A tensor that stands in a file: what its header says of it, and its numbers once they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.diagnostics import ModelError
from netspec.lang.nodes import shorten

Array = NDArray[Any]

MAX_TENSORS = 100_000
MAX_RANK = 8
# numpy multiplies sizes and bytes of an element, of an empty array too, and wants the product below 2^63.
MAX_ELEMENTS = 1 << 60
MAX_KEY = 512


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """One tensor of a file. `dtype` is PyTorch's name; `read` gives a fresh array, the only copy in memory."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    read: Callable[[], Array]

    def __str__(self) -> str:
        return f"{self.dtype} {list(self.shape)}"


Tensors = Mapping[str, Stored]


def from_arrays(arrays: Mapping[str, Array]) -> dict[str, Stored]:
    """Arrays in memory as if they stood in a file."""
    return {key: _stored(key, array) for key, array in arrays.items()}


def is_finite(array: Array) -> bool:
    """Whether every number is finite; whole numbers are."""
    return not is_floating(array.dtype) or bool(np.isfinite(array).all())


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Whether the elements are floats; numpy itself does not know that bfloat16 is one."""
    return dtype.kind == "f" or dtype.name == "bfloat16"


def are_bools(data: bytearray | memoryview) -> bool:
    """Whether every byte is 0 or 1; of others no two libraries make the same."""
    return not len(data) or int(np.frombuffer(data, np.uint8).max()) <= 1


def refuse(file: str, message: str, *, help: str | None = None) -> ModelError:
    """The error for a file that is no file of weights."""
    return ModelError.at(file, "weights", message, help=help)


def check_key(file: str, key: str) -> None:
    """Refuse keys that no state dict has.

    Raises:
        ModelError: `weights`: the key is empty or longer than 512 characters.
    """
    if not 0 < len(key) <= MAX_KEY:
        raise refuse(
            file, f"the tensor {shorten(key)!r} has a name of {len(key):,} characters; 1 to {MAX_KEY} are read"
        )


def _stored(key: str, array: Array) -> Stored:
    return Stored(key, array.dtype.name, array.shape, array.copy)
