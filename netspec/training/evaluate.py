"""Measuring trained weights on a split of a spec's data."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from netspec.backends.torch import build
from netspec.compiler.passes import rewrite
from netspec.compiler.spec import Spec
from netspec.data.readers import Split
from netspec.training import weights as weights_file
from netspec.training.columns import Reading
from netspec.training.device import select, threads_for, using_threads
from netspec.training.loop import batches_of
from netspec.training.memory import memory_for
from netspec.training.objective import EVALUATION_BATCH, Objective
from netspec.training.run import planned
from netspec.training.splits import load_split


def evaluate(
    spec: Spec,
    weights: str | Path,
    *,
    split: Split = "test",
    device: str = "auto",
    workers: int | None = None,
    allowed: tuple[Path, ...] = (),
) -> dict[str, float]:
    """Loss and metrics of a spec's `train` section on a split.

    Args:
        spec: A checked spec with a `train` section.
        weights: A safetensors file with the spec's state-dict keys.
        split: `train`, `validation` or `test`.
        device: `auto`, `cpu` or `cuda`.
        workers: Processes that decode images which do not fit into memory; by default by the cores.
        allowed: Folders besides the spec's own from which data may be read.

    Raises:
        SpecError, DataError, TrainingError: as `train`; TrainingError too where the spec has no such split.
        ModelError: `weights`: they do not fit the network.
        TrainingError: `out-of-memory`.
        UnavailableError: CUDA was asked for, and there is none.
    """
    target = select(device)
    plan = planned(spec, allowed).final
    module = build(rewrite(plan.graph), initialize=False)
    weights_file.load_into(module, plan.graph, weights)
    with memory_for(plan, module), using_threads(threads_for(plan.graph, EVALUATION_BATCH)):
        reading = Reading(workers=workers)
        batches = batches_of(load_split(plan, split), plan, target, reading=reading)
        with closing(batches):
            return Objective(plan, target).measure(module.to(target), batches).numbers
