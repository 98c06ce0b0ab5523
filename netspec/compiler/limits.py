"""Budgets on the meaning of a spec, that no spec can raise (reliability.md B)."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.ir import DimError, Size, TensorType, bounds
from netspec.ops.base import Op, OpError

MAX_PARAM_ELEMENTS = 2**36
MAX_ELEMENTS = 2**40
#: Of a variadic op: its source is one expression, which Python reads to no greater depth.
MAX_INPUTS = 256


def check_size(op: Op, inputs: Sequence[TensorType], outputs: Sequence[TensorType]) -> None:
    """Refuse tensors that no machine holds, before anything is allocated; of formulas, their smallest values.

    Raises:
        OpError: `too-large`, with the shape and the limit; also where a formula has too many terms.
    """
    if len(inputs) > MAX_INPUTS:
        raise OpError(f"`{op.name}` reads {len(inputs):,} inputs; the limit is {MAX_INPUTS}", code="too-large")
    try:
        counts = [_least(type.numel) for type in outputs]
        if any(not isinstance(size, int) for type in inputs for size in type.shape):
            op.macs(*inputs)  # a product of formulas may have too many terms
    except DimError as error:
        raise OpError(str(error), code="too-large") from None
    for type, count in zip(outputs, counts, strict=True):
        if count > MAX_ELEMENTS:
            message = f"`{op.name}` would give {type}, {count:,} elements a sample; the limit is {MAX_ELEMENTS:,}"
            raise OpError(message, code="too-large")
    for name, param in op.params(*inputs).items():
        free = [size for size in param.shape if not isinstance(size, int)]
        if free:
            sizes = ", ".join(map(str, param.shape))
            message = f"`{name}` would be [{sizes}], but the sizes of a parameter are known numbers"
            raise OpError(message, help=f"say how large it is: `dims: {{{free[0]}: 16}}`")
        if param.numel > MAX_PARAM_ELEMENTS:
            shape = list(param.shape)
            message = f"`{name}` would be {shape}, {param.numel:,} parameters; the limit is {MAX_PARAM_ELEMENTS:,}"
            raise OpError(message, code="too-large")


def is_too_large(type: TensorType) -> bool:
    """Whether no machine holds one sample of it; of formulas, their smallest values count."""
    try:
        return _least(type.numel) > MAX_ELEMENTS
    except DimError:
        return True


def _least(count: Size) -> int:
    low, _ = bounds(count)
    return 0 if low is None else low
