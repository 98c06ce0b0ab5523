"""The matrix product per sample, as torch.matmul: of vectors too, with leading axes that broadcast.

In the backends a batch stands in front, so a vector gets an axis to be a matrix and loses it again; otherwise the batch
would be taken for a row.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

from netspec.ops.base import OpError
from netspec.ops.broadcast import broadcast_shapes, shapes
from netspec.ops.lowering import OnnxBuilder, OnnxValue

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Factor:
    """What a product needs to know of a factor."""

    shape: Shape
    batched: bool = True

    @property
    def is_vector(self) -> bool:
        """Whether it has one axis only."""
        return len(self.shape) == 1

    @property
    def rank(self) -> int:
        """Its number of axes as a matrix."""
        return max(2, len(self.shape))


def product_shape(name: str, left: Shape, right: Shape) -> Shape:
    """(*, n, m) and (*, m, p) -> (*, n, p); without n where the left is a vector, without p where the right is one.

    Raises:
        OpError: `shape-mismatch`; one of them is a number.
    """
    if not left or not right:
        raise OpError(f"{name} needs axes to multiply over, got {shapes([left, right])}", code="shape-mismatch")
    inner = right[-1] if len(right) == 1 else right[-2]
    if left[-1] != inner:
        message = f"{name} needs [..., n, m] and [..., m, p], got {shapes([left, right])}"
        raise OpError(message, code="shape-mismatch", help=f"m is {left[-1]} on the left and {inner} on the right")
    lead = broadcast_shapes(name, [left[:-2], right[:-2]])
    return (*lead, *left[-2:-1], *(right[-1:] if len(right) > 1 else ()))


def product_macs(left: Shape, right: Shape) -> int:
    """Multiply-accumulates of one sample."""
    result: int = prod(product_shape("@", left, right)) * left[-1]
    return result


def product_in_torch(left: Any, right: Any, a: Factor, b: Factor) -> Any:
    """`left @ right`, with the axes that vectors and fewer axes lack."""
    left = left.unsqueeze(-2) if a.is_vector else left
    right = right.unsqueeze(-1) if b.is_vector else right
    product = _behind_batch(left, a, b) @ _behind_batch(right, b, a)
    product = product.squeeze(-1) if b.is_vector else product
    return product.squeeze(-1 if b.is_vector else -2) if a.is_vector else product


def _behind_batch(value: Any, own: Factor, other: Factor) -> Any:
    missing = other.rank - own.rank
    return value[(slice(None), *(None,) * missing)] if own.batched and missing > 0 else value


def product_in_onnx(g: OnnxBuilder, left: OnnxValue, right: OnnxValue, a: Factor, b: Factor) -> OnnxValue:
    """The same by MatMul."""
    left = g.Unsqueeze(left, g.ints([-2])) if a.is_vector else left
    right = g.Unsqueeze(right, g.ints([-1])) if b.is_vector else right
    product = g.MatMul(_behind_batch_onnx(g, left, a, b), _behind_batch_onnx(g, right, b, a))
    product = g.Squeeze(product, g.ints([-1])) if b.is_vector else product
    return g.Squeeze(product, g.ints([-1 if b.is_vector else -2])) if a.is_vector else product


def _behind_batch_onnx(g: OnnxBuilder, value: OnnxValue, own: Factor, other: Factor) -> OnnxValue:
    missing = other.rank - own.rank
    return g.Unsqueeze(value, g.ints(range(1, missing + 1))) if own.batched and missing > 0 else value
