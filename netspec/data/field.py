"""What a reader gives for every sample, declared before a byte of data is read."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.ir import DType, TensorType


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
