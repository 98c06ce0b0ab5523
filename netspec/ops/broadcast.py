"""How several inputs of one op fit together: NumPy's rules on the shapes per sample, with the batch in front.

In the backends the batch is an axis, so an input with fewer axes than another gets its axes of size 1 behind the batch:
[C, H, W] + [W] is [N, C, H, W] + [N, 1, 1, W]. What is the same for every sample has a batch of size 1, which stretches
by itself and needs nothing.
"""

from collections.abc import Sequence
from typing import Any

from netspec.ir import Sizes, TensorType
from netspec.ops.base import OpError
from netspec.ops.lowering import OnnxBuilder, OnnxValue, TorchValue
from netspec.ops.sizes import shape_proof


def broadcast(name: str, types: Sequence[TensorType]) -> TensorType:
    """The type of an elementwise op on several inputs of one element type.

    Raises:
        OpError: `shape-mismatch`, `dtype-mismatch`.
    """
    same_dtype(name, types)
    return types[0].with_shape(*broadcast_shapes(name, [each.shape for each in types]))


def broadcast_shapes(name: str, given: Sequence[Sizes]) -> Sizes:
    """NumPy's rule: from the last axis on, sizes agree, or are 1 and stretch; an axis that is missing counts as 1.

    Raises:
        OpError: `shape-mismatch`.
    """
    rank = max(map(len, given))
    filled: list[Sizes] = [(*(1,) * (rank - len(shape)), *shape) for shape in given]
    sizes = [{size for size in axis if size != 1} for axis in zip(*filled, strict=True)]
    if any(len(axis) > 1 for axis in sizes):
        message = f"{name} needs equal shapes, got {shapes(given)}"
        hint = "shapes are compared from the last axis; insert axes of size 1 with `unsqueeze`"
        help = shape_proof(filled) or (hint if len({*map(len, given)}) > 1 else None)
        raise OpError(message, code="shape-mismatch", help=help)
    return tuple(axis.pop() if axis else 1 for axis in sizes)


def same_dtype(name: str, types: Sequence[TensorType]) -> None:
    """All inputs have one element type.

    Raises:
        OpError: `dtype-mismatch`.
    """
    if len({each.dtype for each in types}) > 1:
        dtypes = " and ".join(each.dtype for each in types)
        raise OpError(f"{name} needs inputs of one element type, got {dtypes}", code="dtype-mismatch")


def same_rank(name: str, types: Sequence[TensorType]) -> None:
    """All inputs have equally many axes.

    Raises:
        OpError: `shape-mismatch`.
    """
    if len({each.rank for each in types}) > 1:
        message = f"{name} needs inputs of equally many axes, got {shapes([each.shape for each in types])}"
        raise OpError(message, code="shape-mismatch", help="insert axes of size 1 with `unsqueeze`")


def shapes(given: Sequence[Sizes]) -> str:
    """Shapes as a message writes them: `[3, 4] and [4]`."""
    return " and ".join(f"[{', '.join(map(str, shape))}]" for shape in given)


def missing_axes(types: Sequence[TensorType]) -> list[int]:
    """How many axes of size 1 each input lacks behind its batch."""
    rank = max(each.rank for each in types)
    return [rank - each.rank if each.batched else 0 for each in types]


def aligned_in_torch(inputs: Sequence[TorchValue]) -> list[Any]:
    """The inputs with those axes: `x[:, None]`."""
    missing = missing_axes([each.type for each in inputs])
    return [
        each[(slice(None), *(None,) * count)] if count else each for each, count in zip(inputs, missing, strict=True)
    ]


def aligned_in_onnx(g: OnnxBuilder, inputs: Sequence[OnnxValue]) -> list[OnnxValue]:
    """The inputs with those axes, by Unsqueeze."""
    missing = missing_axes([each.type for each in inputs])
    return [behind_batch_in_onnx(g, each, count) for each, count in zip(inputs, missing, strict=True)]


def behind_batch_in_onnx(g: OnnxBuilder, value: OnnxValue, count: int) -> OnnxValue:
    """A value with so many new axes of size 1 behind its batch."""
    return g.Unsqueeze(value, g.ints(range(1, count + 1))) if count else value


def repeated_in_torch(inputs: Sequence[TorchValue]) -> list[Any]:
    """The inputs, those that are the same for every sample repeated, for what does not stretch by itself."""
    batched = next((each for each in inputs if each.type.batched), None)
    if batched is None:
        return list(inputs)
    return [each if each.type.batched else each.expand(batched.size(0), *(-1,) * each.type.rank) for each in inputs]


def repeated_in_onnx(g: OnnxBuilder, inputs: Sequence[OnnxValue]) -> list[OnnxValue]:
    """The same, by Expand to the batch of one that has it."""
    batched = next((each for each in inputs if each.type.batched), None)
    if batched is None:
        return list(inputs)
    return [each if each.type.batched else _repeated(g, each, batched) for each in inputs]


def _repeated(g: OnnxBuilder, value: OnnxValue, batched: OnnxValue) -> OnnxValue:
    batch = g.Shape(batched, start=0, end=1)
    rank = value.type.rank
    return g.Expand(value, g.Concat(batch, g.ints([1] * rank), axis=0) if rank else batch)
