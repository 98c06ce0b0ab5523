"""A data set, gathered and transformed by the batch: in memory under one per cent of a step, with no worker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from netspec.data.augment import Mixing
from netspec.data.augment.pipeline import Listed, Pipeline
from netspec.data.preprocess import Step, views
from netspec.data.samples import Samples
from netspec.ir import Graph, Input
from netspec.training.bucket import Buckets
from netspec.training.columns import Reading, column
from netspec.training.padding import Lengths
from netspec.training.plan import TrainPlan


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Batch:
    """Inputs in the order of the network's, and everything that a target may name.

    Where a sample has several `views`, its inputs stand together: `[size * views, *shape]`. Where samples were mixed,
    `partners` is the batch of what they were mixed with, and `share` what they keep of themselves.
    """

    inputs: tuple[Tensor, ...]
    named: Mapping[str, Tensor]
    size: int
    views: int = 1
    partners: Batch | None = None
    share: float = 1.0


class Batches:
    """The samples of one split on one device.

    Args:
        samples: Of the split.
        graph: Its inputs are filled.
        steps: `preprocess` by input.
        device: Where batches are wanted.
        augment: Random changes by input, for training.
        reading: How files are read, and what is drawn from.
        unit: Samples of one call of `gather`, where that is not what `shuffled` is asked for.

    Raises:
        DataError: `data-file`, `data-value`.
    """

    def __init__(
        self,
        samples: Samples,
        graph: Graph,
        steps: Mapping[str, tuple[Step, ...]],
        device: torch.device,
        *,
        augment: Mapping[str, tuple[Listed, ...]] | None = None,
        reading: Reading | None = None,
        unit: int | None = None,
    ) -> None:
        self._device = device
        self._count = len(samples)
        self._unit = unit
        self._inputs = tuple(value.name for value in graph.inputs)
        self._buckets: Buckets | None = None
        self._drawn = [value for value in graph.inputs if isinstance(value, Input) and value.sample is not None]
        self._lengths = Lengths(samples, graph, device) if graph.lengths else None
        reading, augment = reading or Reading(), augment or {}
        pipelines = {name: Pipeline.of(augment.get(name, ()), steps.get(name, ())) for name in samples.arrays}
        self._columns = {
            name: column(name, values, pipelines[name], device, reading) for name, values in samples.arrays.items()
        }
        self._mixing = {name: pipeline.mixing for name, pipeline in pipelines.items() if pipeline.mixing}
        self._views = {name: views(steps.get(name, ())) for name in self._inputs} if not augment else {}
        self._seed = reading.seed

    @classmethod
    def of(
        cls,
        samples: Samples,
        plan: TrainPlan,
        device: torch.device,
        *,
        training: bool = False,
        reading: Reading | None = None,
    ) -> Batches:
        """The samples as the plan's network takes them, for training with the plan's random changes."""
        augment, unit = (plan.augment, plan.settings.batch_size) if training else ({}, None)
        found = cls(samples, plan.graph, plan.preprocess, device, augment=augment, reading=reading, unit=unit)
        if plan.bucket is not None and found._lengths is not None:
            lengths = found._lengths.of_symbol(plan.graph, plan.bucket.by)
            found._buckets = Buckets(lengths.cpu(), plan.bucket.width)
        return found

    def close(self) -> None:
        """End the processes that read for it, if there are any."""
        for each in self._columns.values():
            each.close()

    def __len__(self) -> int:
        """Number of samples."""
        return self._count

    def gather(self, indices: Tensor, epoch: int = 0) -> Batch:
        """The samples at some places; inputs that are drawn are drawn here, by torch's own generator."""
        named = {name: each.take(indices, epoch) for name, each in self._columns.items()}
        if self._lengths is not None:
            named |= self._lengths.gather(indices)
        for value in self._drawn:
            named[value.name] = drawn(value, len(indices), self._device)
        count = max(self._views.values(), default=1)
        for name in self._inputs if count > 1 else ():
            one = self._views[name] == 1
            named[name] = named[name].repeat_interleave(count, 0) if one else named[name].flatten(0, 1)
        batch = Batch(tuple(named[name] for name in self._inputs), named, len(indices), count)
        return self._mixed(batch, indices, epoch) if self._mixing else batch

    def shuffled(self, batch_size: int, generator: torch.Generator | None, epoch: int = 0) -> Iterator[Tensor]:
        """Places of the batches of one epoch: a random order, or the file's without a generator."""
        order = torch.arange(self._count) if generator is None else torch.randperm(self._count, generator=generator)
        if self._buckets is not None and generator is not None:
            batches = self._buckets.batches(order, batch_size, generator)
        else:
            batches = torch.split(order, batch_size)
        unit = min(batch_size, self._unit or batch_size)
        for each in self._columns.values():
            each.expect((part for batch in batches for part in torch.split(batch, unit)), epoch)
        yield from (each.to(self._device) for each in batches)

    def in_order(self, batch_size: int) -> Iterator[Batch]:
        """Every sample once, in the file's order."""
        for indices in self.shuffled(batch_size, None):
            yield self.gather(indices)

    def _mixed(self, batch: Batch, indices: Tensor, epoch: int) -> Batch:
        """Samples mixed in pairs by one of the ways that the spec names, chosen for the batch."""
        random = np.random.default_rng([self._seed, epoch, int(indices[0])])
        partner = torch.from_numpy(random.permutation(batch.size)).to(self._device)
        ((name, ways),) = self._mixing.items()
        way: Mixing = ways[int(random.integers(len(ways)))]
        mixed, share = way.mix(batch.named[name], batch.named[name][partner], way.share(random), random)
        inputs = {each: batch.named[each] for each in self._inputs} | {name: mixed}
        others = {each: values[partner] for each, values in batch.named.items()} | inputs
        ordered = tuple(inputs[each] for each in self._inputs)
        partners = Batch(ordered, others, batch.size)
        return replace(partners, named={**batch.named, **inputs}, partners=partners, share=share)


def drawn(value: Input, count: int, device: torch.device) -> Tensor:
    """An input of `count` samples, standard normal or uniform from 0 to 1."""
    draw = torch.rand if value.sample == "uniform" else torch.randn
    shape = [size for size in value.type.shape if isinstance(size, int)]
    assert len(shape) == value.type.rank, "a plan draws nothing of unknown size"
    return draw(count, *shape, device=device)
