"""What int8 costs: a metric of the float and of the int8 model, on samples that calibration did not see."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from netspec.data.samples import Samples
from netspec.data.source import SampleSource
from netspec.deploy.plan import Calibration, ExportPlan
from netspec.diagnostics import DataError, ModelError
from netspec.ir import Graph
from netspec.ops.lowering import BATCH
from netspec.training.batches import Batches

if TYPE_CHECKING:
    import onnxruntime as ort

Arrays = dict[str, "np.ndarray[Any, Any]"]

BATCH_SIZE = 50


@dataclass(frozen=True, slots=True)
class Verdict:
    """A metric of both models on so many samples."""

    metric: str
    float32: float
    int8: float
    samples: int
    calibrated_on: int

    def as_json(self) -> dict[str, Any]:
        """The numbers as plain data."""
        return asdict(self)


def parts(calibration: Calibration) -> tuple[Samples, Samples]:
    """Samples to calibrate on, evenly spaced, and others to measure on.

    Raises:
        DataError: `data-file`, `data-value`: they cannot be read, or are too few.
    """
    loaded, settings = calibration.source.load(), calibration.settings
    held: Samples | None = None
    if isinstance(calibration.validation, SampleSource):
        held = calibration.validation.load()
    elif calibration.validation is not None and len(loaded) > 1:
        loaded, held = loaded.divide(calibration.validation, calibration.seed)
    if held is None:
        if len(loaded) < 2:
            raise DataError.at(calibration.source.name, "data-value", "one sample cannot be divided")
        chosen = _spaced(len(loaded), min(settings.samples, len(loaded) // 2))
        held = loaded.take(np.setdiff1d(np.arange(len(loaded)), chosen))
    else:
        chosen = _spaced(len(loaded), settings.samples)
    return loaded.take(chosen), held.take(_spaced(len(held), settings.held_out))


def batches(samples: Samples, graph: Graph, plan: ExportPlan) -> Iterator[Mapping[str, np.ndarray[Any, Any]]]:
    """All fields of the samples by name, inputs as the network takes them.

    Where the file takes batches of one size only, samples that do not fill the last one are left out.
    """
    size = plan.fixed.get(BATCH, BATCH_SIZE)
    for batch in Batches(samples, graph, plan.steps, torch.device("cpu")).in_order(size):
        if BATCH in plan.fixed and batch.size < size:
            return
        yield {name: tensor.numpy() for name, tensor in batch.named.items()}


def judge(
    calibration: Calibration, held: Samples, graph: Graph, plan: ExportPlan, plain: ort.InferenceSession,
    int8: ort.InferenceSession, calibrated_on: int, place: str,
) -> Verdict:  # fmt: skip
    """Measure both models.

    Raises:
        ModelError: `parity`: int8 costs more than the spec allows.
        DataError: `data-value`: the samples do not fill one batch.
    """
    names = [value.name for value in graph.inputs]
    totals: list[Any] = [0, 0]
    count = samples = 0
    measure, output = calibration.measure, calibration.output
    for batch in batches(held, graph, plan):
        target = torch.from_numpy(batch[measure.target.name])
        feeds = {name: batch[name] for name in names}
        for index, run in enumerate((plain, int8)):
            (array,) = run.run([output], feeds)
            if len(array) > len(target):  # several views of each sample
                array = array.reshape(len(target), -1, *array.shape[1:]).mean(axis=1)
            ends = measure.alignment(torch.from_numpy(array), target)
            totals[index] = totals[index] + measure.metric.total(*ends)
        count += measure.metric.count(ends[1])
        samples += len(target)
    if not samples:
        message = f"{len(held):,} samples do not fill one batch of {plan.fixed[BATCH]:,}"
        raise DataError.at(calibration.source.name, "data-value", message)
    whole, rounded = (measure.metric.number(total, count) for total in totals)
    verdict = Verdict(measure.metric.label, whole, rounded, samples, calibrated_on)
    _hold(verdict, calibration, place)
    return verdict


def _hold(verdict: Verdict, calibration: Calibration, place: str) -> None:
    limit = calibration.settings.max_drop
    higher = calibration.measure.metric.higher_is_better
    drop = (
        verdict.float32 - verdict.int8
        if higher
        else (verdict.int8 - verdict.float32) / max(abs(verdict.float32), 1e-12)
    )
    # The limit itself is allowed, and is no matter of rounding.
    if drop <= limit + 1e-9:
        return
    message = (
        f"{verdict.metric} of {verdict.samples:,} samples is {verdict.int8:.4g} in int8 and {verdict.float32:.4g} in "
        f"float32: {'a drop' if higher else 'a relative rise'} of {drop:.4g}, the limit is {limit:.4g}"
    )
    help = "calibrate on more samples, raise `max_drop`, or stay with float16; what stood there before is unchanged"
    raise ModelError.at(place, "parity", message, help=help)


def _spaced(count: int, wanted: int) -> np.ndarray[Any, np.dtype[np.int64]]:
    """So many places out of all, evenly spaced: sorted data give all classes."""
    return np.unique(np.linspace(0, count - 1, min(wanted, count)).round().astype(np.int64))
