"""One field of a split: stored as tensors where it fits into memory, else decoded from its files by the batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from netspec.data.augment import Augmentation
from netspec.data.augment.draws import Draws
from netspec.data.augment.pipeline import Change, Pipeline, largest_bytes
from netspec.data.image_column import ImageFiles
from netspec.data.image_file import CHANNELS
from netspec.data.preprocess import Affine
from netspec.data.preprocess.arrays import apply_images
from netspec.data.preprocess.sample import Sample, StepError
from netspec.data.preprocess.step import ImageStep
from netspec.data.ragged import Ragged
from netspec.data.samples import Column as Values
from netspec.data.stream.loader import Loader
from netspec.data.stream.work import Work
from netspec.diagnostics import DataError
from netspec.ir import DType
from netspec.training.padding import Sequences

#: What one field may take in memory; beyond it images stay in their files.
MAX_BYTES = 2 << 30
#: Files that are decoded together where all are read into memory.
CHUNK = 64


@dataclass(frozen=True, slots=True)
class Reading:
    """How files are read, and what random changes are drawn from.

    `workers`: processes that decode (None: by the number of files and of cores).
    """

    seed: int = 0
    workers: int | None = None


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Affine:
    """gain * x + offset in float32, in two roundings as the exported model's preprocessing does it."""

    gain: Tensor
    offset: Tensor

    @classmethod
    def of(cls, affine: Affine, rank: int, device: torch.device) -> _Affine:
        def shaped(values: tuple[float, ...]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device).reshape(-1, *[1] * (rank - 1))

        return cls(shaped(affine.gain), shaped(affine.offset))

    def __call__(self, stored: Tensor) -> Tensor:
        return stored.to(torch.float32).mul_(self.gain).add_(self.offset)


class Column(ABC):
    """A field whose values are asked for by place.

    Args:
        pipeline: What happens to a sample.
        done: How many of its changes `raw` has made already.
        rank: Axes of a sample.
        device: Where batches are wanted.
        seed: Of random changes.
    """

    def __init__(self, pipeline: Pipeline, done: int, rank: int, device: torch.device, seed: int) -> None:
        self._changes = list(enumerate(pipeline.changes))[done:]
        self._affine = _Affine.of(pipeline.affine, rank, device) if pipeline.affine is not None else None
        self._device = device
        self._seed = seed

    @abstractmethod
    def expect(self, batches: Iterable[Tensor], epoch: int) -> None:
        """The batches that will be asked for next, in order."""

    def take(self, places: Tensor, epoch: int) -> Tensor:
        """Finished values `[N, *shape]`, or `[N, views, *shape]`."""
        values = self.raw(places, epoch)
        for number, change in self._changes:
            values = self._changed(values, change, places, epoch, number)
        return values if self._affine is None else self._affine(values)

    @abstractmethod
    def close(self) -> None:
        """End what reads for it; it can be asked again."""

    @abstractmethod
    def raw(self, places: Tensor, epoch: int) -> Tensor:
        """Values after the changes that are made beforehand."""

    def _changed(self, values: Tensor, change: Change, places: Tensor, epoch: int, number: int) -> Tensor:
        if isinstance(change, Augmentation):
            return change.apply(values, Draws(self._seed, epoch, places.cpu().numpy(), number))
        return torch.from_numpy(apply_images([change], values.cpu().numpy())).to(self._device)


class InMemory(Column):
    """A field whose values are all there."""

    def expect(self, batches: Iterable[Tensor], epoch: int) -> None:
        """They need not be fetched."""

    def close(self) -> None:
        """There is nothing to end."""


class StoredColumn(InMemory):
    """A field of values of one shape."""

    def __init__(
        self, stored: Tensor, pipeline: Pipeline, done: int, rank: int, device: torch.device, seed: int
    ) -> None:
        super().__init__(pipeline, done, rank, device, seed)
        self._stored = stored

    def raw(self, places: Tensor, epoch: int) -> Tensor:
        return self._stored[places]


class FileColumn(Column):
    """A field of images that are read when they are asked for, ahead of it where there are workers."""

    def __init__(self, files: ImageFiles, pipeline: Pipeline, device: torch.device, reading: Reading) -> None:
        done = pipeline.sizing(_sample_of(files))
        super().__init__(pipeline, done, 3, device, reading.seed)
        work = Work(files.folder, files.mode, pipeline.changes[:done], reading.seed)
        self._loader = Loader(files, work, workers=reading.workers)

    def expect(self, batches: Iterable[Tensor], epoch: int) -> None:
        self._loader.expect([batch.cpu().numpy() for batch in batches], epoch)

    def close(self) -> None:
        self._loader.close()

    def raw(self, places: Tensor, epoch: int) -> Tensor:
        return torch.from_numpy(self._loader.take(places.cpu().numpy(), epoch)).to(self._device)


class SequenceColumn(InMemory):
    """A field of sequences, padded to the longest of those asked for."""

    def __init__(self, sequences: Sequences, pipeline: Pipeline, device: torch.device, seed: int) -> None:
        super().__init__(pipeline, 0, sequences.flat.ndim, device, seed)
        self._sequences = sequences

    def raw(self, places: Tensor, epoch: int) -> Tensor:
        return self._sequences[places]


def column(name: str, values: Values, pipeline: Pipeline, device: torch.device, reading: Reading) -> Column:
    """A field as a column.

    Raises:
        DataError: `data-file`, `data-value`: files that are no images, or that a step cannot take.
    """
    settled = pipeline.settled
    if isinstance(values, Ragged):
        return SequenceColumn(Sequences.of(values, device), pipeline, device, reading.seed)
    if isinstance(values, ImageFiles):
        size = largest_bytes(pipeline.changes[:settled], _sample_of(values))
        if size is None and settled == len(pipeline.changes):
            size = _size_of_first(values, pipeline)
        if size is None or size * len(values) > MAX_BYTES:
            return FileColumn(values, pipeline, device, reading)
        stored, rank = _decoded(values, pipeline.changes[:settled], reading), 3
    else:
        steps = [change for change in pipeline.changes[:settled] if isinstance(change, ImageStep)]
        try:
            stored, rank = torch.from_numpy(apply_images(steps, values)), values.ndim - 1
        except StepError as error:
            raise DataError.at(f"field {name}", "data-value", str(error)) from None
    return StoredColumn(stored.to(device), pipeline, settled, rank, device, reading.seed)


def _decoded(files: ImageFiles, changes: tuple[Change, ...], reading: Reading) -> Tensor:
    """All images after changes that are the same in every epoch."""
    loader = Loader(files, Work(files.folder, files.mode, changes, reading.seed), workers=reading.workers)
    batches = [np.arange(start, min(start + CHUNK, len(files))) for start in range(0, len(files), CHUNK)]
    found: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None = None
    with closing(loader):
        loader.expect(batches, 0)
        for batch in batches:
            made = loader.take(batch, 0)
            if found is None:
                found = np.empty((len(files), *made.shape[1:]), np.uint8)
            if made.shape[1:] != found.shape[1:]:
                message = f"images of {list(made.shape[1:])} from here on, those before are {list(found.shape[1:])}"
                raise DataError.at(files.name(int(batch[0])), "data-value", message)
            found[batch] = made
    assert found is not None, "a column of files has one at least"
    return torch.from_numpy(found)


def _size_of_first(files: ImageFiles, pipeline: Pipeline) -> int:
    """Bytes of the first image: without random changes, all others have its size or are refused."""
    try:
        steps = [change for change in pipeline.changes if isinstance(change, ImageStep)]
        return apply_images(steps, files.read(0)).nbytes
    except StepError as error:
        raise DataError.at(files.name(0), "data-value", str(error)) from None


def _sample_of(files: ImageFiles) -> Sample:
    return Sample((CHANNELS[files.mode], None, None), DType.UINT8)
