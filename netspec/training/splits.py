"""The samples of a plan by split, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from netspec.data.readers import Split
from netspec.data.samples import Samples
from netspec.data.source import SampleSource
from netspec.diagnostics import TrainingError
from netspec.training.labels import check_labels
from netspec.training.plan import TrainPlan


def load_parts(plan: TrainPlan, sharing: Sequence[TrainPlan] = ()) -> tuple[Samples, Samples | None]:
    """Training and validation samples.

    A fraction is held out by the spec's own seed, whatever seed a run has: every run of a spec is measured on the same
    samples, and none of them was ever trained on.

    Args:
        plan: Names the data.
        sharing: Other stages with the same data, for whose losses labels are checked too.

    Raises:
        DataError: `data-file`, `data-value`.
    """
    plans = (plan, *sharing)
    samples = _loaded(plan.data, plans)
    if isinstance(plan.validation, SampleSource):
        return samples, _loaded(plan.validation, plans)
    if plan.validation is None:
        return samples, None
    if len(samples) < 2:
        raise TrainingError.at(plan.data.name, "bad-training", "one sample cannot be divided")
    return samples.divide(plan.validation, plan.settings.seed)


def _loaded(source: SampleSource, plans: Sequence[TrainPlan]) -> Samples:
    samples = source.load()
    for plan in plans:
        check_labels(samples, plan, source.name)
    return samples


class PartsCache:
    """Samples of the stages of a run; those that have the same data share them."""

    def __init__(self, plans: Sequence[TrainPlan]) -> None:
        self._plans = plans
        self._loaded: list[tuple[TrainPlan, tuple[Samples, Samples | None]]] = []

    def of(self, plan: TrainPlan) -> tuple[Samples, Samples | None]:
        """Training and validation samples, as `load_parts` gives them."""
        for known, parts in self._loaded:
            if _share(known, plan):
                return parts
        parts = load_parts(plan, [each for each in self._plans if each is not plan and _share(each, plan)])
        self._loaded.append((plan, parts))
        return parts


def _share(one: TrainPlan, other: TrainPlan) -> bool:
    return _same(one.data, other.data) and _same(one.validation, other.validation)


def _same(one: SampleSource | float | None, other: SampleSource | float | None) -> bool:
    if isinstance(one, SampleSource) and isinstance(other, SampleSource):
        return one.is_same(other)
    return one == other


def load_split(plan: TrainPlan, split: Split) -> Samples:
    """The samples of one split.

    Raises:
        DataError: `data-file`, `data-value`.
        TrainingError: `bad-training`: the spec has no such split.
    """
    if split == "test":
        found = _loaded(plan.test, [plan]) if plan.test is not None else None
    else:
        train, validation = load_parts(plan)
        found = train if split == "train" else validation
    if found is None:
        help = f"name them with `{split}: {{READER: ...}}` in the `train` section"
        raise TrainingError.at(split, "bad-training", f"the spec has no {split} data", help=help)
    return found
