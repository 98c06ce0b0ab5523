"""Element types, sizes and tensor types."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from netspec.ir.dims import Size, Sizes, product


class DType(StrEnum):
    """Element types, by PyTorch's names."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    FLOAT16 = "float16"
    BFLOAT16 = "bfloat16"
    INT64 = "int64"
    INT32 = "int32"
    UINT8 = "uint8"
    BOOL = "bool"

    @property
    def is_floating(self) -> bool:
        """Whether gradients can flow through it."""
        return self.value.startswith(("float", "bfloat"))

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return _ITEM_SIZES[self]


_ITEM_SIZES = {
    DType.FLOAT32: 4, DType.FLOAT64: 8, DType.FLOAT16: 2, DType.BFLOAT16: 2,
    DType.INT64: 8, DType.INT32: 4, DType.UINT8: 1, DType.BOOL: 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TensorType:
    """What is known of a tensor before anything runs.

    `shape` is per sample: the batch axis stands in front of it and is never written. What is the same for every sample
    (a `param`, and what is computed from nothing else) is not `batched`: in the backends its batch axis has size 1 and
    stretches. `valid` names the axes (counted as in PyTorch, from 1) that carry lengths. Of whole numbers, `below` says
    that each is at least 0 and smaller than it: they are indices into so many things. Inside of `each: T` the batch
    holds each sample T `times`, an element each.
    """

    shape: Sizes
    dtype: DType = DType.FLOAT32
    batched: bool = True
    valid: frozenset[int] = frozenset()
    below: int | None = None
    times: Size = 1

    @property
    def rank(self) -> int:
        """Number of axes of one sample."""
        return len(self.shape)

    @property
    def numel(self) -> Size:
        """Number of elements of one sample."""
        return product(self.shape)

    def with_shape(self, *shape: Size) -> TensorType:
        """The same type with another shape."""
        return TensorType(shape, self.dtype, self.batched, self.valid, self.below, self.times)

    def with_dtype(self, dtype: DType) -> TensorType:
        """The same type with other elements."""
        return replace(self, dtype=dtype)

    def __str__(self) -> str:
        shape = f"[{', '.join(map(str, self.shape))}]"
        typed = shape if self.dtype is DType.FLOAT32 else f"{shape} {self.dtype}"
        return typed if self.below is None else f"{typed} below {self.below}"
