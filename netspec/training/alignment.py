"""How an output and a target belong together: which axis is the classes', and whether a last axis of 1 is ignored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netspec.ir import TensorType

if TYPE_CHECKING:
    from torch import Tensor

    from netspec.training.losses import Relation


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Alignment:
    """`class_axis` counts as in PyTorch, from 1; None where shapes are equal. A squeezed side loses its last axis.

    A target that `is_whole` keeps its whole numbers; one that is `of_samples` has one number a sample.
    """

    class_axis: int | None = None
    squeeze_output: bool = False
    squeeze_target: bool = False
    is_whole: bool = False
    of_samples: bool = False

    def __call__(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Output and target as PyTorch's functions take them: classes on axis 1, or equal shapes and element types."""
        output = output.squeeze(-1) if self.squeeze_output else output
        target = target.squeeze(-1) if self.squeeze_target else target
        if self.class_axis is None:
            return output, target if self.is_whole else target.to(output.dtype)
        return (output.movedim(self.class_axis, 1) if self.class_axis != 1 else output), target


def align(relation: Relation, output: TensorType, target: TensorType | None) -> Alignment | None:
    """How they belong together, or None if they do not. A target without a type is a number."""
    if relation == "classes":
        # A number is the class of every sample, which only a single axis of classes makes plain.
        return of_classes(output, TensorType(()) if target is None else target)
    if relation == "indices":
        return Alignment(is_whole=True) if target is not None and output.shape == target.shape else None
    if relation == "reduced":
        fits = output.rank == 1 and (target is None or target.shape == ())
        return Alignment(of_samples=True) if fits else None
    if target is None:
        return Alignment()
    return elementwise(output, target)


def of_classes(output: TensorType, target: TensorType) -> Alignment | None:
    """The one axis by which they differ holds the classes; the first of several that fit. None if no axis does."""
    for axis in range(output.rank):
        if output.shape[:axis] + output.shape[axis + 1 :] == target.shape:
            return Alignment(axis + 1)
    return None


def elementwise(output: TensorType, target: TensorType) -> Alignment | None:
    """Equal shapes, apart from a last axis of size 1 on either side; None if they are not."""
    if output.shape == target.shape:
        return Alignment()
    if output.shape == (*target.shape, 1):
        return Alignment(squeeze_output=True)
    if target.shape == (*output.shape, 1):
        return Alignment(squeeze_target=True)
    return None
