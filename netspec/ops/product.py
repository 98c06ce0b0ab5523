"""The matrix product per sample, as torch.matmul: of vectors too, with leading axes that broadcast.

In the backends a batch stands in front, so a vector gets an axis to be a matrix and loses it again; otherwise the batch
would be taken for a row.
"""

from dataclasses import dataclass
from typing import Any

from netspec.ir import Size, Sizes, product
from netspec.ops.base import OpError
from netspec.ops.broadcast import broadcast_shapes, shapes
from netspec.ops.lowering import OnnxBuilder, OnnxValue
from netspec.ops.sizes import proof


@dataclass(frozen=True, slots=True)
class Factor:
    """What a product needs to know of a factor."""

    shape: Sizes
    batched: bool = True

    @property
    def is_vector(self) -> bool:
        """Whether it has one axis only."""
        return len(self.shape) == 1

    @property
    def rank(self) -> int:
        """Its number of axes as a matrix."""
        return max(2, len(self.shape))


def product_shape(name: str, left: Sizes, right: Sizes) -> Sizes:
    """(*, n, m) and (*, m, p) -> (*, n, p); without n where the left is a vector, without p where the right is one.

    Raises:
        OpError: `shape-mismatch`; one of them is a number.
    """
    if not left or not right:
        raise OpError(f"{name} needs axes to multiply over, got {shapes([left, right])}", code="shape-mismatch")
    inner = right[-1] if len(right) == 1 else right[-2]
    if left[-1] != inner:
        message = f"{name} needs [..., n, m] and [..., m, p], got {shapes([left, right])}"
        raise OpError(
            message,
            code="shape-mismatch",
            help=proof(left[-1], inner) or f"m is {left[-1]} on the left and {inner} on the right",
        )
    lead = broadcast_shapes(name, [left[:-2], right[:-2]])
    return (*lead, *left[-2:-1], *(right[-1:] if len(right) > 1 else ()))


def product_macs(left: Sizes, right: Sizes) -> Size:
    """Multiply-accumulates of one sample."""
    return product(product_shape("@", left, right)) * left[-1]


def product_in_torch(left: Any, right: Any, a: Factor, b: Factor) -> Any:
    """`left @ right`, with the axes that vectors and fewer axes lack."""
    left = left.unsqueeze(-2) if a.is_vector else left
    right = right.unsqueeze(-1) if b.is_vector else right
    result = _behind_batch(left, a, b) @ _behind_batch(right, b, a)
    result = result.squeeze(-1) if b.is_vector else result
    return result.squeeze(-1 if b.is_vector else -2) if a.is_vector else result


def _behind_batch(value: Any, own: Factor, other: Factor) -> Any:
    missing = other.rank - own.rank
    return value[(slice(None), *(None,) * missing)] if own.batched and missing > 0 else value


def product_in_onnx(g: OnnxBuilder, left: OnnxValue, right: OnnxValue, a: Factor, b: Factor) -> OnnxValue:
    """The same by MatMul."""
    left = g.Unsqueeze(left, g.ints([-2])) if a.is_vector else left
    right = g.Unsqueeze(right, g.ints([-1])) if b.is_vector else right
    result = g.MatMul(_behind_batch_onnx(g, left, a, b), _behind_batch_onnx(g, right, b, a))
    result = g.Squeeze(result, g.ints([-1])) if b.is_vector else result
    return g.Squeeze(result, g.ints([-1 if b.is_vector else -2])) if a.is_vector else result


def _behind_batch_onnx(g: OnnxBuilder, value: OnnxValue, own: Factor, other: Factor) -> OnnxValue:
    missing = other.rank - own.rank
    return g.Unsqueeze(value, g.ints(range(1, missing + 1))) if own.batched and missing > 0 else value
