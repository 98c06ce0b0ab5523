"""Whether data fit a network: every input has a field that preprocessing can make into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from netspec.compiler.spec import Spec
from netspec.data.field import Field
from netspec.data.preprocess import StepError, check, views
from netspec.data.preprocess.bind import Steps
from netspec.data.source import SampleSource
from netspec.diagnostics import Diagnostic, Label, Report, Severity
from netspec.ir import Dim, DType, Input, TensorType, Value

if TYPE_CHECKING:
    from netspec.data.augment.pipeline import Listed

MAX_UINT8 = 256

Augment = tuple["Listed", ...]


def check_fields(
    spec: Spec,
    data: SampleSource,
    steps: Mapping[str, Steps],
    augment: Mapping[str, Augment],
    report: Report,
    *,
    in_chunks: bool = False,
) -> bool:
    """Report `bad-training` for each input that no field fills, or that cannot become what the input wants.

    `in_chunks`: sequences are cut into chunks of one length (`bptt`).
    """
    found = []
    for value in spec.graph.inputs:
        own = augment.get(value.name, ())
        found.append(_check_input(value, spec, data, steps, own, report, in_chunks=in_chunks))
    return all(found)


def _check_input(
    value: Value,
    spec: Spec,
    data: SampleSource,
    steps: Mapping[str, Steps],
    augment: Augment,
    report: Report,
    *,
    in_chunks: bool,
) -> bool:
    if value.name not in steps:
        return False  # its mistake is reported already
    if isinstance(value, Input) and value.sample is not None:
        return _check_drawn(value, spec, report)
    if value in spec.graph.lengths.values():
        return True  # filled with the lengths of what has them
    field = data.fields.get(value.name)
    if field is None:
        known = ", ".join(data.fields)
        help = f"the fields are {known}; `fields: {{{value.name}: FIELD}}` in the reader renames one"
        report.error("bad-training", f"no field of the data fills the input `{value.name}`", data.span, help=help)
        return False
    try:
        check(steps[value.name], value.type, field.type)
        _check_training(augment, steps[value.name], value.type, field.type)
        _check_bound(value, field, steps[value.name])
        if not in_chunks:
            _check_lengths(value, field)
    except StepError as error:
        declared = spec.document.inputs.get(value.name)
        labels = (Label(f"field {value.name}  {field}", data.span),)
        span = declared.name.span if declared is not None else data.span
        report.add(Diagnostic("bad-training", f"`{value.name}`: {error}", span, Severity.ERROR, labels))
        return False
    return True


def _check_training(augment: Augment, steps: Steps, input: TensorType, stored: TensorType) -> None:
    """What differs in training.

    Raises:
        StepError: the sample does not become the input.
    """
    if augment or views(steps) != 1:
        from netspec.data.augment.pipeline import check_training

        check_training(augment, steps, input, stored)


def _check_drawn(value: Input, spec: Spec, report: Report) -> bool:
    """Whether the size of what is drawn is known; no field fills it."""
    if all(isinstance(size, int) for size in value.type.shape):
        return True
    declared = spec.document.inputs.get(value.name)
    message = f"`{value.name}` is drawn in training, so its sizes are numbers"
    report.error("bad-training", message, declared.name.span if declared is not None else None)
    return False


def _check_bound(value: Value, field: Field, steps: Steps) -> None:
    """What the data are known to hold are indices that the input takes.

    Raises:
        StepError: they may be larger.
    """
    largest = MAX_UINT8 if field.below is None and field.type.dtype is DType.UINT8 else field.below
    below = value.type.below
    if below is not None and largest is not None and largest > below and not steps:
        raise StepError(f"the input takes indices below {below}, the field has some up to {largest - 1}")


def _check_lengths(value: Value, field: Field) -> None:
    """Samples of several lengths fill inputs that have lengths there.

    Raises:
        StepError: they do not.
    """
    for axis in field.type.valid - value.type.valid:
        size = value.type.shape[axis - 1]
        remedy = f"; `dims: {{{size}: {{lengths: {value.name}_lengths}}}}` says so" if isinstance(size, Dim) else ""
        raise StepError(f"the samples have several lengths along axis {axis}, the input has not{remedy}")


def check_sources(data: SampleSource, others: Iterable[SampleSource | float | None], report: Report) -> None:
    """Validation and test data have the fields of the training data, of the same types."""
    for other in others:
        if not isinstance(other, SampleSource) or other.fields == data.fields:
            continue
        for name, field in data.fields.items():
            found = other.fields.get(name)
            if found != field:
                message = f"field `{name}` is {found or 'absent'} here, and {field} in the training data"
                report.error("bad-training", message, other.span)
                break
