"""Labels of fields that do not say what they are below: they are classes of the output they are compared with."""

from __future__ import annotations

import numpy as np

from netspec.data.samples import Samples
from netspec.data.values import check_range
from netspec.training.plan import TrainPlan


def check_labels(samples: Samples, plan: TrainPlan, place: str) -> None:
    """Before the first step; torch would only say `Target 10 is out of bounds`, or nothing where it is -100.

    Args:
        samples: Of one split.
        plan: Its losses say which fields are labels.
        place: What messages call the data.

    Raises:
        DataError: `data-value`, naming the first at fault.
    """
    for term in plan.terms:
        target, axis = term.target, term.alignment.class_axis
        if target is None or target.kind != "field" or axis is None or target.below is not None:
            continue
        classes = term.output.type.shape[axis - 1]
        values = samples.arrays.get(target.name)
        if isinstance(classes, int) and isinstance(values, np.ndarray):
            check_range(values, classes, target.name, place)
