"""Axes with lengths: which axes of an op's output have them, and where padding must be filled. From `reads` alone.

What lies beyond a sample's length never has influence. Along an axis whose positions an op reads one by one the padding
may hold anything; where it reads several, `Op.filler` says what is without influence there. The length along an axis
is what its size is at the length of the sample: `(T - 1)//2 + 1` behind a stride.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from netspec.ir import Dim, DType, TensorType
from netspec.ops.base import Op, OpError
from netspec.ops.reads import POINTWISE, New, Pointwise, Reads


def with_valid(op: Op, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> tuple[TensorType, ...]:
    """The outputs' types with those axes `valid` at which an axis with lengths stands.

    Raises:
        OpError: `lengths`, padding would have influence.
    """
    rank = outputs[0].rank
    for port in range(len(inputs)):
        axes = mixed_axes(op, port, inputs, rank)
        if axes and op.filler(port, *inputs) is None:
            raise _refused(op, inputs[port], min(axes))
    return tuple(replace(each, valid=_valid(op, inputs, each)) for each in outputs)


def mixed_axes(op: Op, port: int, inputs: Sequence[TensorType], rank: int) -> frozenset[int]:
    """The axes with lengths of an input of which a position of the output (of that rank) reads more than its own."""
    type = inputs[port]
    if not type.valid or _tells_sizes(op, port):
        return frozenset()
    patterns: dict[int, set[bool]] = {axis: set() for axis in type.valid}
    for dim in range(1, rank + 1):
        reads, source = _reads_of(op, port, dim, inputs)
        if source in patterns and not isinstance(reads, New):
            patterns[source].add(isinstance(reads, Pointwise))
    return frozenset(axis for axis, found in patterns.items() if found != {True})


def zero(dtype: DType) -> float:
    """Nothing, of that element type."""
    return 0.0 if dtype.is_floating else False if dtype is DType.BOOL else 0


def lowest(dtype: DType) -> float:
    """What no element is smaller than."""
    return float("-inf") if dtype.is_floating else -(2**63)


def highest(dtype: DType) -> float:
    """What no element is larger than."""
    return float("inf") if dtype.is_floating else 2**63 - 1


def _valid(op: Op, inputs: Sequence[TensorType], output: TensorType) -> frozenset[int]:
    if op.sizes_only:
        return frozenset()
    return frozenset(dim for dim, size in enumerate(output.shape, 1) if isinstance(size, Dim) and _is(op, inputs, dim))


def _is(op: Op, inputs: Sequence[TensorType], dim: int) -> bool:
    """Whether an axis with lengths stands at the output's `dim`."""
    for port, type in enumerate(inputs):
        if type.valid and not _tells_sizes(op, port):
            reads, source = _reads_of(op, port, dim, inputs)
            if source in type.valid and not isinstance(reads, New):
                return True
    return False


def _reads_of(op: Op, port: int, dim: int, inputs: Sequence[TensorType]) -> tuple[Reads, int | None]:
    """The op's pattern; what is drawn at each position stands at that position."""
    return (POINTWISE, dim) if op.draws is not None else op.reads_of(port, dim, *inputs)


def _tells_sizes(op: Op, port: int) -> bool:
    """Whether of an input only sizes are read."""
    ports = op.ports()
    return op.sizes_only or (port < len(ports) and ports[port] == "like")


def _refused(op: Op, input: TensorType, axis: int) -> OpError:
    message = (
        f"`{op.name}` would let padding have influence: axis {axis} of {list(map(str, input.shape))} has lengths"
    ).replace("'", "")
    help = "`mean`, `amax`, `softmax`, attention, recurrent layers and others leave padding out; see docs/language.md"
    return OpError(message, code="lengths", help=help)
