"""A data set in memory, gathered and transformed by the batch: under one per cent of a step, with no worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from netspec.data.image_column import ImageFiles
from netspec.data.preprocess import Affine, Step, StepError, split
from netspec.data.preprocess.arrays import apply_images
from netspec.data.preprocess.files import decode
from netspec.data.samples import Samples
from netspec.diagnostics import DataError
from netspec.ir import Graph, Input
from netspec.training.plan import TrainPlan


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batch:
    """Inputs in the order of the network's, and everything that a target may name."""

    inputs: tuple[Tensor, ...]
    named: Mapping[str, Tensor]
    size: int


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


class Batches:
    """The samples of one split on one device."""

    def __init__(self, samples: Samples, graph: Graph, steps: Mapping[str, tuple[Step, ...]], device: torch.device):
        self._device = device
        self._count = len(samples)
        self._inputs = tuple(value.name for value in graph.inputs)
        self._drawn = [value for value in graph.inputs if isinstance(value, Input) and value.sample is not None]
        self._tensors: dict[str, Tensor] = {}
        self._affine: dict[str, _Affine] = {}
        for name, array in samples.arrays.items():
            images, affine = split(steps.get(name, ()))
            try:
                made = decode(array, images) if isinstance(array, ImageFiles) else apply_images(images, array)
                stored = torch.from_numpy(made).to(device)
            except StepError as error:
                raise DataError.at(f"field {name}", "data-value", str(error)) from None
            self._tensors[name] = stored
            if affine is not None:
                self._affine[name] = _Affine.of(affine, stored.ndim - 1, device)

    @classmethod
    def of(cls, samples: Samples, plan: TrainPlan, device: torch.device) -> Batches:
        """The samples as the plan's network takes them."""
        return cls(samples, plan.graph, plan.preprocess, device)

    def __len__(self) -> int:
        """Number of samples."""
        return self._count

    def gather(self, indices: Tensor) -> Batch:
        """The samples at some places; inputs that are drawn are drawn here, by torch's own generator."""
        named = {name: self._get(name, stored[indices]) for name, stored in self._tensors.items()}
        for value in self._drawn:
            named[value.name] = drawn(value, len(indices), self._device)
        return Batch(tuple(named[name] for name in self._inputs), named, len(indices))

    def shuffled(self, batch_size: int, generator: torch.Generator | None) -> Iterator[Tensor]:
        """Places of the batches of one epoch: a random order, or the file's without a generator."""
        order = torch.arange(self._count) if generator is None else torch.randperm(self._count, generator=generator)
        yield from torch.split(order.to(self._device), batch_size)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Every sample once, in the file's order."""
        for indices in self.shuffled(batch_size, None):
            yield self.gather(indices)

    def _get(self, name: str, stored: Tensor) -> Tensor:
        affine = self._affine.get(name)
        return stored if affine is None else affine(stored)


def drawn(value: Input, count: int, device: torch.device) -> Tensor:
    """An input of `count` samples, standard normal or uniform from 0 to 1."""
    draw = torch.rand if value.sample == "uniform" else torch.randn
    shape = [size for size in value.type.shape if isinstance(size, int)]
    assert len(shape) == value.type.rank, "a plan draws nothing of unknown size"
    return draw(count, *shape, device=device)
