"""Whether values are what their fields say, before the first step: each message names file, sample and value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.data.field import Field
from netspec.diagnostics import DataError

Array = NDArray[Any]

MAX_INT64 = 2**63 - 1


def as_field(array: Array, field: Field, name: str, place: str) -> Array:
    """Stored values `[N, *]` with the element type of their field.

    Raises:
        DataError: `data-value`: a label out of range, a number that is not finite or that the type cannot hold.
    """
    if field.below is not None:
        check_range(array, field.below, name, place)
    if array.dtype.kind == "f":
        check_finite(array, name, place)
    if array.dtype == np.uint64 and array.size and int(array.max()) > MAX_INT64:
        raise DataError.at(place, "data-value", f"`{name}` holds {int(array.max())}, expected at most {MAX_INT64}")
    with np.errstate(over="ignore"):
        found = array.astype(field.type.dtype.value, copy=False)
    if array.dtype.kind == "f":
        check_finite(found, name, place)  # a float64 may be too large for float32
    return found


def check_range(array: Array, below: int, name: str, place: str) -> None:
    """Whole numbers from 0, below a bound; `name` is empty where a file holds one field.

    Raises:
        DataError: `data-value`, naming the first at fault.
    """
    # Floats that are whole are labels too; comparing them loses nothing, and infinities are out of range.
    if array.dtype.kind not in "iu" and not (array.dtype.kind == "f" and bool((np.floor(array) == array).all())):
        raise DataError.at(place, "data-value", f"`{name}` holds labels, expected whole numbers, got {array.dtype}")
    wrong = np.argwhere((array < 0) | (array >= below))
    if len(wrong):
        found = array[tuple(wrong[0])]
        shown = found if array.dtype.kind in "iu" else f"{found:.17g}"
        where = f" in `{name}`" if name else ""
        message = f"sample {wrong[0][0]:,} (from 0) has the label {shown}{where}, expected 0 to {below - 1}"
        notes = [f"{len(wrong):,} labels of {array.size:,} are out of range"] if len(wrong) > 1 else []
        raise DataError.at(place, "data-value", message, notes=notes)


def check_finite(array: Array, name: str, place: str) -> None:
    """Numbers that are neither infinite nor NaN.

    Raises:
        DataError: `data-value`, naming the first at fault.
    """
    if not np.isfinite(array).all():
        index = np.argwhere(~np.isfinite(array))[0]
        message = f"sample {index[0]:,} (from 0) has {array[tuple(index)]} in `{name}`, expected a finite number"
        raise DataError.at(place, "data-value", message)


def check_equal_counts(counts: Mapping[str, tuple[str, int]]) -> None:
    """Fields of one sample each: name -> file and number of samples.

    Raises:
        DataError: `data-file`: some field has more samples than another.
    """
    first = next(iter(counts))
    for name, (place, count) in counts.items():
        if count != counts[first][1]:
            message = f"`{name}` has {count:,} samples, `{first}` has {counts[first][1]:,}"
            raise DataError.at(place, "data-file", message)
