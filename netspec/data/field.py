"""What a reader gives for every sample, declared before a byte of data is read."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.ir import DType, TensorType, symbol


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of a sample.

    `below` bounds index values (a label lies in 0..below - 1); `classes` are their names, for a deployed model.
    """

    type: TensorType
    below: int | None = None
    classes: tuple[str, ...] = ()

    def __str__(self) -> str:
        bound = f" below {self.below}" if self.below is not None else ""
        return f"{self.type.dtype} {list(self.type.shape)}{bound}"


def label(classes: tuple[str, ...]) -> Field:
    """The field of a class label: one int64 that counts from 0."""
    return Field(TensorType((), DType.INT64), len(classes), classes)


def sequence(shape: tuple[int, ...], dtype: DType, below: int | None = None) -> Field:
    """The field of sequences [length, *shape], each with a length of its own."""
    return Field(TensorType((symbol("length"), *shape), dtype, valid=frozenset({1})), below)


def image(channels: int, height: int | None = None, width: int | None = None) -> Field:
    """The field of uint8 images; sizes that differ from file to file stay open."""
    sizes = (height or symbol("height"), width or symbol("width"))
    return Field(TensorType((channels, *sizes), DType.UINT8))
