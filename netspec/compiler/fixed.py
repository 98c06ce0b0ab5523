"""Words of sizes that `dims` fixes to a number: shapes hold the number, so a word in an attribute becomes one too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from netspec.ir import TensorType
from netspec.ops.base import Op, OpError


def with_numbers(op: Op, fixed: Mapping[str, int], inputs: Sequence[TensorType]) -> Op:
    """The op with numbers in the place of such words: the size, or the one axis of the first input that has it.

    Raises:
        OpError: `bad-attribute`: no axis has that size, or several have.
    """
    if not fixed:
        return op
    found = {name: _numbered(name, value, fixed, inputs) for name, value in op.attributes().items()}
    changed = {name: value for name, value in found.items() if value != getattr(op, name)}
    return op.model_copy(update=changed) if changed else op


def is_axis(attr: str) -> bool:
    """Whether the words of an attribute name axes, as those of PyTorch's `dim`, `dims`, `dim0`, `start_dim` do."""
    return attr.startswith("dim") or attr.endswith("_dim")


def _numbered(attr: str, value: object, fixed: Mapping[str, int], inputs: Sequence[TensorType]) -> object:
    if isinstance(value, tuple):
        return tuple(_numbered(attr, each, fixed, inputs) for each in value)
    if not isinstance(value, str) or value not in fixed:
        return value
    return _axis(attr, value, fixed[value], inputs) if is_axis(attr) else fixed[value]


def _axis(attr: str, word: str, number: int, inputs: Sequence[TensorType]) -> int:
    shape = inputs[0].shape if inputs else ()
    axes = [axis for axis, size in enumerate(shape, start=1) if size == number]
    if len(axes) == 1:
        return axes[0]
    which = f"axes {' and '.join(map(str, axes))} have" if axes else "no axis has"
    message = f"{attr} `{word}`: {which} the size {number} that `dims` gives it, in {list(shape)}"
    raise OpError(message, attr=attr, help="name the axis by its number")
