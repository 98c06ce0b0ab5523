"""What follows an output in the exported file: probabilities, classes, a decoded text. Imports no numpy.

Each entry says what becomes of an output's type, which ONNX operators compute it, and what these must give.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from netspec.ir import DType, TensorType
from netspec.ops.attributes import NonNegativeInt, OptionalAxis, PositiveInt
from netspec.ops.axes import resolve_axis
from netspec.ops.base import OpError
from netspec.ops.lowering import OnnxBuilder, OnnxValue
from netspec.training.table import Entry

if TYPE_CHECKING:
    from netspec.data.preprocess.arrays import Array

#: What stands behind the end of a decoded text.
ABSENT = -1


class After(Entry):
    """Base of all. `dim` is the axis of the classes; left out it is the one that the loss of the output says."""

    #: Whether nothing may follow.
    is_last: ClassVar[bool] = False
    #: What the names of its outputs end with, for each of them.
    suffixes: ClassVar[tuple[str, ...]] = ("",)

    dim: OptionalAxis = None

    @abstractmethod
    def infer(self, x: TensorType, axis: int) -> tuple[TensorType, ...]:
        """The types of its outputs.

        Raises:
            OpError: it cannot take the output.
        """

    @abstractmethod
    def to_onnx(self, g: OnnxBuilder, x: OnnxValue, axis: int) -> tuple[OnnxValue, ...]:
        """Its outputs, computed by ONNX."""

    @abstractmethod
    def reference(self, x: Array, axis: int) -> tuple[Array, ...]:
        """Its outputs, computed by numpy from a batch."""


class Softmax(After):
    """Probabilities of the classes: positive, of sum 1."""

    name, main = "softmax", "dim"

    def infer(self, x: TensorType, axis: int) -> tuple[TensorType, ...]:
        return (x,)

    def to_onnx(self, g: OnnxBuilder, x: OnnxValue, axis: int) -> tuple[OnnxValue, ...]:
        return (g.Softmax(x, axis=axis),)

    def reference(self, x: Array, axis: int) -> tuple[Array, ...]:
        import numpy as np

        shifted = np.exp(x.astype(np.float64) - x.max(axis=axis, keepdims=True))
        return (shifted / shifted.sum(axis=axis, keepdims=True),)


class Sigmoid(After):
    """1 / (1 + exp(-x)): a probability for each output by itself."""

    name = "sigmoid"

    def infer(self, x: TensorType, axis: int) -> tuple[TensorType, ...]:
        return (x,)

    def to_onnx(self, g: OnnxBuilder, x: OnnxValue, axis: int) -> tuple[OnnxValue, ...]:
        return (g.Sigmoid(x),)

    def reference(self, x: Array, axis: int) -> tuple[Array, ...]:
        import numpy as np

        return (1 / (1 + np.exp(-np.clip(x.astype(np.float64), -700, 700))),)


class Argmax(After):
    """The number of the largest class; of equal ones the first."""

    name, main, is_last = "argmax", "dim", True

    def infer(self, x: TensorType, axis: int) -> tuple[TensorType, ...]:
        return (_without(x, axis),)

    def to_onnx(self, g: OnnxBuilder, x: OnnxValue, axis: int) -> tuple[OnnxValue, ...]:
        return (g.ArgMax(x, axis=axis, keepdims=False),)

    def reference(self, x: Array, axis: int) -> tuple[Array, ...]:
        return (x.argmax(axis=axis),)


class TopK(After):
    """The `k` largest classes, largest first: their values (`NAME.values`) and their numbers (`NAME.indices`)."""

    name, main, is_last, suffixes = "top_k", "k", True, (".values", ".indices")
    k: PositiveInt

    def infer(self, x: TensorType, axis: int) -> tuple[TensorType, ...]:
        size = x.shape[axis - 1]
        if isinstance(size, int) and self.k > size:
            raise OpError(f"top_k takes {self.k} of {size} classes", attr="k")
        kept = x.with_shape(*x.shape[: axis - 1], self.k, *x.shape[axis:])
        return kept, kept.with_dtype(DType.INT64)

    def to_onnx(self, g: OnnxBuilder, x: OnnxValue, axis: int) -> tuple[OnnxValue, ...]:
        return g.call("TopK", x, g.ints([self.k]), outputs=2, axis=axis)

    def reference(self, x: Array, axis: int) -> tuple[Array, ...]:
        import numpy as np

        order = np.argsort(-x, axis=axis, kind="stable").take(range(self.k), axis=axis)
        return np.take_along_axis(x, order, axis), order


class CtcDecode(After):
    """The greedy reading of a CTC output [T, classes]: the best class of each step, repeats and blanks left out.

    Gives the classes (`NAME`, [T], -1 behind the end) and how many there are (`NAME.lengths`). Source: Graves and
    others 2006, section 3.2, best path decoding.
    """

    name, main, is_last, suffixes = "ctc_decode", "blank", True, ("", ".lengths")
    blank: NonNegativeInt = 0

    def infer(self, x: TensorType, axis: int) -> tuple[TensorType, ...]:
        if x.rank != 2 or axis != 2:
            raise OpError(f"ctc_decode takes [steps, classes], got {list(x.shape)}")
        size = x.shape[1]
        if isinstance(size, int) and self.blank >= size:
            raise OpError(f"the blank is class {self.blank} of {size}, counted from 0", attr="blank")
        steps = TensorType(x.shape[:1], DType.INT64)
        return steps, steps.with_shape()

    def to_onnx(self, g: OnnxBuilder, x: OnnxValue, axis: int) -> tuple[OnnxValue, ...]:
        best = g.ArgMax(x, axis=2, keepdims=False)
        shape = g.Shape(best)
        shifted = g.Pad(best, g.ints([0, 1, 0, 0]), g.constant(ABSENT, DType.INT64))
        before = g.Slice(shifted, g.ints([0]), g.ints([-1]), g.ints([1]))
        kept = g.And(g.Not(g.Equal(best, before)), g.Not(g.Equal(best, g.constant(self.blank, DType.INT64))))
        number = g.cast(kept, DType.INT64)
        place = g.Sub(g.CumSum(number, g.constant(1, DType.INT64)), g.ints([1]))
        # What is left out goes into one more column, which is cut off.
        beyond = g.Slice(shape, g.ints([1]), g.ints([2]), g.ints([0]))
        empty = g.Expand(g.constant([[ABSENT]], DType.INT64), g.Add(shape, g.ints([0, 1])))
        written = g.ScatterElements(empty, g.Where(kept, place, beyond), best, axis=1)
        return g.Slice(written, g.ints([0]), g.ints([-1]), g.ints([1])), g.ReduceSum(number, g.ints([1]), keepdims=0)

    def reference(self, x: Array, axis: int) -> tuple[Array, ...]:
        import numpy as np

        best = x.argmax(axis=2)
        found = np.full(best.shape, ABSENT, np.int64)
        lengths = np.zeros(len(best), np.int64)
        for row, classes in enumerate(best):
            last = ABSENT
            for each in classes:
                if each not in (last, self.blank):
                    found[row, lengths[row]] = each
                    lengths[row] += 1
                last = each
        return found, lengths


AFTER: Mapping[str, type[After]] = {each.name: each for each in (Softmax, Sigmoid, Argmax, TopK, CtcDecode)}


@dataclass(frozen=True, slots=True)
class Applied:
    """An entry and the axis that it works along, counted from 1."""

    entry: After
    axis: int


@dataclass(frozen=True, slots=True)
class Chain:
    """What follows one output. `types` are those of its results, by the names that they have in the file."""

    output: str
    steps: tuple[Applied, ...]
    types: Mapping[str, TensorType]
    #: How many classes the last step knows.
    classes: int | None

    def reference(self, x: Array) -> dict[str, Array]:
        """The results, computed by numpy."""
        arrays: tuple[Array, ...] = (x,)
        for each in self.steps:
            arrays = each.entry.reference(arrays[0], each.axis)
        return dict(zip(self.types, arrays, strict=True))

    def as_json(self) -> list[dict[str, Any]]:
        """The steps as plain data: `[{"softmax": {"dim": 1}}]`."""
        return [{each.entry.name: each.entry.model_dump() | {"dim": each.axis}} for each in self.steps]


def chain(output: str, type: TensorType, entries: tuple[After, ...], default_axis: int | None) -> Chain:
    """Tie entries to an output.

    Args:
        output: The output's name.
        type: Its type.
        entries: One at least.
        default_axis: The axis of its classes, as far as anything says it.

    Raises:
        OpError: an entry cannot take what it gets, or another one follows what must be the last.
    """
    steps: list[Applied] = []
    types: tuple[TensorType, ...] = (type,)
    classes: int | None = None
    for entry in entries:
        if steps and steps[-1].entry.is_last:
            raise OpError(f"nothing can follow {steps[-1].entry.name}")
        axis = _axis(entry, types[0], default_axis)
        size = types[0].shape[axis - 1] if types[0].rank else None
        classes = size if isinstance(size, int) else None
        types = entry.infer(types[0], axis)
        steps.append(Applied(entry, axis))
    names = [f"{output}{suffix}" for suffix in steps[-1].entry.suffixes]
    return Chain(output, tuple(steps), dict(zip(names, types, strict=True)), classes)


def _axis(entry: After, x: TensorType, default: int | None) -> int:
    if not x.dtype.is_floating:
        raise OpError(f"{entry.name} takes real numbers, got {x.dtype}")
    if isinstance(entry, Sigmoid):
        return default or max(1, x.rank)
    if entry.dim is not None:
        return resolve_axis("dim", entry.dim, x.shape)
    if x.rank == 0:
        raise OpError(f"{entry.name} takes an axis of classes, the output is one number")
    if default is None and x.rank > 2:
        raise OpError(f"{entry.name} over which axis of {list(x.shape)}?", attr="dim", help="name it: `dim: 1`")
    return default or x.rank


def _without(x: TensorType, axis: int) -> TensorType:
    return x.with_shape(*x.shape[: axis - 1], *x.shape[axis:]).with_dtype(DType.INT64)
