"""Samples of several lengths: padded to the longest of their batch, and padding left out of losses and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from netspec.data.ragged import Ragged
from netspec.data.samples import Column, Samples
from netspec.diagnostics import DataError
from netspec.ir import Graph, Size, Symbol, Value, symbols_of
from netspec.ops.masked import InTorch
from netspec.training.alignment import Alignment

if TYPE_CHECKING:
    from netspec.training.batches import Batch


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sequences:
    """A ragged field on a device: value i is `flat[starts[i]:starts[i] + lengths[i]]`."""

    flat: Tensor
    starts: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, column: Ragged, device: torch.device) -> Sequences:
        """The field on that device."""
        return cls(*(torch.from_numpy(each).to(device) for each in (column.flat, column.starts, column.lengths)))

    def __getitem__(self, indices: Tensor) -> Tensor:
        """The values at some places `[n, longest, *shape]`, zeros behind the shorter ones."""
        lengths = self.lengths[indices]
        steps = torch.arange(int(lengths.max()), device=lengths.device)
        inside = steps < lengths[:, None]
        found = self.flat[torch.where(inside, self.starts[indices][:, None] + steps, 0)]
        return torch.where(inside.reshape(*inside.shape, *[1] * (found.ndim - 2)), found, found.new_zeros(()))


class Lengths:
    """The inputs of a network that hold lengths, filled from the fields of the inputs that have them."""

    def __init__(self, samples: Samples, graph: Graph, device: torch.device) -> None:
        self._by_input: dict[str, Tensor] = {}
        for symbol, value in graph.lengths.items():
            for name, lengths in _known_lengths(samples, graph, symbol):
                before = self._by_input.setdefault(value.name, lengths.to(device))
                if not torch.equal(before.cpu(), lengths):
                    message = f"the samples of field {name} have other lengths than those before along `{symbol}`"
                    raise DataError.at(f"field {name}", "data-value", message)

    def gather(self, indices: Tensor) -> dict[str, Tensor]:
        """The lengths of the samples at some places, by input."""
        return {name: lengths[indices] for name, lengths in self._by_input.items()}

    def of_symbol(self, graph: Graph, symbol: str) -> Tensor:
        """The lengths of all samples along a size."""
        return self._by_input[graph.lengths[symbol].name]


def _known_lengths(samples: Samples, graph: Graph, symbol: str) -> list[tuple[str, Tensor]]:
    found = []
    for value in graph.inputs:
        column = samples.arrays.get(value.name)
        for axis in value.type.valid if column is not None else ():
            [each, *others] = symbols_of(value.type.shape[axis - 1])
            if each.name == symbol and not others and column is not None:
                found.append((value.name, _checked(value.name, each, _lengths_along(column, axis, len(samples)))))
    return found


def _lengths_along(column: Column, axis: int, count: int) -> Tensor:
    if isinstance(column, Ragged):
        return torch.from_numpy(column.lengths)
    shape = getattr(column, "shape", ())
    return torch.full((count,), shape[axis] if axis < len(shape) else 0, dtype=torch.int64)


def _checked(name: str, symbol: Symbol, lengths: Tensor) -> Tensor:
    """The lengths, which are as `dims` says.

    Raises:
        DataError: `data-value`: a sample is too short, too long, or no multiple.
    """
    most = symbol.most
    wrong = (lengths < symbol.least) | (lengths % symbol.multiple_of != 0)
    wrong |= lengths > most if most is not None else torch.zeros_like(wrong)
    if wrong.any():
        index = int(wrong.nonzero()[0])
        bound = f"at least {symbol.least}" + (f", at most {most}" if most is not None else "")
        step = f" and a multiple of {symbol.multiple_of}" if symbol.multiple_of > 1 else ""
        message = f"sample {index:,} (from 0) is {int(lengths[index])} long; `{symbol.name}` is {bound}{step}"
        raise DataError.at(f"field {name}", "data-value", message)
    return lengths


class Valid:
    """The valid positions of a value that has axes with lengths."""

    def __init__(self, value: Value, lengths: Mapping[str, Value]) -> None:
        self._axes = tuple(sorted(value.type.valid))
        self._sizes = [value.type.shape[axis - 1] for axis in self._axes]
        self._rank = value.type.rank
        self._lengths = lengths

    @classmethod
    def of(cls, value: Value, graph: Graph) -> Valid | None:
        """None where all positions are."""
        return cls(value, graph.lengths) if value.type.valid else None

    def select(self, tensor: Tensor, alignment: Alignment, batch: Batch, *, is_target: bool = False) -> Tensor:
        """The valid positions of an aligned output or target, as samples of their own `[n, *rest]`."""
        order = [axis for axis in range(1, self._rank + 1) if axis != alignment.class_axis]
        if alignment.class_axis is not None and not is_target:
            order.insert(0, alignment.class_axis)
        places = [order.index(axis) + 1 for axis in self._axes]
        moved = tensor.movedim(places, list(range(1, len(places) + 1)))
        return moved[self._mask(moved, batch)]

    def count(self, batch: Batch) -> int:
        """How many positions are valid."""
        return int(reduce(torch.mul, (self._length(size, batch) for size in self._sizes)).sum())

    def _mask(self, moved: Tensor, batch: Batch) -> Tensor:
        """[N, *sizes of the axes]."""
        count = len(self._axes)
        found = torch.ones(moved.shape[: count + 1], dtype=torch.bool, device=moved.device)
        for place, size in enumerate(self._sizes, 1):
            steps = torch.arange(moved.shape[place], device=moved.device)
            inside = steps < self._length(size, batch)[:, None]
            found &= inside.reshape(len(inside), *(-1 if each == place else 1 for each in range(1, count + 1)))
        return found

    def _length(self, size: Size, batch: Batch) -> Tensor:
        """How long each sample is along an axis of that size."""
        lengths = {each.name: batch.named[self._lengths[each.name].name] for each in symbols_of(size)}
        found: Tensor = InTorch(lengths).of(size)
        return found
