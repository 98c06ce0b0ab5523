"""Running streams: long sequences cut into chunks for truncated backpropagation through time.

The documents of a split stand one after the other and are cut into as many equal streams as a batch has rows; what is
left over at the end, less than one position a row, is not used. A step takes the next chunk of every stream; recurrent
states go from chunk to chunk without gradient, and are zero again where a document begins. A chunk ends where its
document does, so rows may be shorter than `steps`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from netspec.compiler.passes.carried import State as Carried
from netspec.data.ragged import Ragged
from netspec.data.samples import Samples
from netspec.diagnostics import TrainingError
from netspec.training.batches import Batch
from netspec.training.parts import State
from netspec.training.plan import TrainPlan


class Streams:
    """The streams of one split on one device; what `Batches` is for samples."""

    def __init__(self, samples: Samples, plan: TrainPlan, device: torch.device) -> None:
        assert plan.bptt is not None
        self._inputs = tuple(value.name for value in plan.graph.inputs)
        self._slots = plan.slots
        self._fields = {name: torch.from_numpy(flat).to(device) for name, flat in _flat(samples, plan).items()}
        self._lengths = {value.name for value in plan.graph.lengths.values()}
        total = len(next(iter(self._fields.values())))
        self._rows = min(plan.settings.batch_size, total)
        size = total // self._rows
        starts = _document_starts(samples)
        chunks = [_chunks(row * size, (row + 1) * size, starts, plan.bptt.steps) for row in range(self._rows)]
        if not self._lengths and len({tuple(length for _, length, _ in row) for row in chunks}) > 1:
            raise _needs_lengths(plan)
        self._chunks = max(map(len, chunks))
        #: For each chunk and row: where it starts, how long it is (0: the stream is over), whether states begin anew.
        table = np.zeros((self._chunks, self._rows, 3), np.int64)
        for row, own in enumerate(chunks):
            table[: len(own), row] = own
        self._table = torch.from_numpy(table).to(device)
        self._states = {slot: _zeros(slot, self._rows, device) for slot in self._slots}
        self._at = torch.arange(self._rows, device=device)

    def close(self) -> None:
        """All is in memory: there is nothing to end."""

    def __len__(self) -> int:
        """Number of chunks of all rows; those of a step have different numbers in the same row of the table."""
        return self._chunks * self._rows

    def shuffled(self, batch_size: int, generator: torch.Generator | None, epoch: int = 0) -> Iterator[Tensor]:
        """Places of the chunks, step by step: streams have one order."""
        for index in range(self._chunks):
            rows = self._table[index, :, 1].nonzero()[:, 0]
            yield index * self._rows + rows

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Every chunk once."""
        for indices in self.shuffled(batch_size, None):
            yield self.gather(indices)

    def gather(self, indices: Tensor, epoch: int = 0) -> Batch:
        """The chunks at some places of one step, and the states that they start from."""
        self._at = indices % self._rows
        starts, lengths, anew = self._table[indices[0] // self._rows, self._at].unbind(1)
        steps = torch.arange(int(lengths.max()), device=starts.device)
        inside = steps < lengths[:, None]
        places = torch.where(inside, starts[:, None] + steps, starts[:, None])
        named = {name: flat[places] for name, flat in self._fields.items()}
        named |= dict.fromkeys(self._lengths, lengths)
        for slot, state in self._states.items():
            mine = state[self._at]
            begins = anew.bool().reshape(-1, *[1] * (mine.ndim - 1))
            named[slot.start.name] = torch.where(begins, torch.zeros_like(mine), mine)
        return Batch(tuple(named[name] for name in self._inputs), named, len(indices))

    def carry(self, ends: Mapping[Carried, Tensor]) -> None:
        """Keep the states that the chunks gathered last ended with."""
        for slot, end in ends.items():
            self._states[slot] = self._states[slot].index_copy(0, self._at, end.detach().to(self._states[slot].dtype))

    @property
    def slots(self) -> tuple[Carried, ...]:
        """The states that are carried."""
        return self._slots

    def state(self) -> State:
        return {slot.start.name: state for slot, state in self._states.items()}

    def restore(self, state: Mapping[str, Any]) -> None:
        self._states = {slot: state[slot.start.name].to(mine.device) for slot, mine in self._states.items()}


def _flat(samples: Samples, plan: TrainPlan) -> dict[str, np.ndarray[Any, Any]]:
    """The fields, their documents one after the other."""
    found = {}
    for name, column in samples.arrays.items():
        if isinstance(column, Ragged):
            found[name] = np.concatenate([column.value(index) for index in range(len(column))])
    if len({len(flat) for flat in found.values()}) != 1:
        problem = "the data have no sequences" if not found else "the sequences of the fields differ in length"
        raise TrainingError.at(plan.data.name, "bad-training", f"`bptt` runs along sequences, but {problem}")
    return found


def _document_starts(samples: Samples) -> list[int]:
    """Where documents begin."""
    column = next(column for column in samples.arrays.values() if isinstance(column, Ragged))
    found: list[int] = (np.cumsum(column.lengths) - column.lengths).tolist()
    return found


def _chunks(start: int, end: int, documents: list[int], steps: int) -> list[tuple[int, int, int]]:
    """The chunks of one stream: where each starts, how long it is, and whether its states begin anew."""
    begins = {start, *(place for place in documents if start < place < end)}
    found, place = [], start
    stops = [*sorted(begins - {start}), end]
    for stop in stops:
        while place < stop:
            length = min(steps, stop - place)
            found.append((place, length, int(place in begins)))
            place += length
    return found


def _needs_lengths(plan: TrainPlan) -> TrainingError:
    help = "say in `dims` that the network's sequences have lengths: `{T: {lengths: text_lengths}}`"
    message = "documents end within chunks, which the network cannot tell from their beginning"
    return TrainingError.at(plan.data.name, "bad-training", message, help=help)


def _zeros(slot: Carried, rows: int, device: torch.device) -> Tensor:
    shape = [size for size in slot.start.type.shape if isinstance(size, int)]
    return torch.zeros(rows, *shape, device=device)
