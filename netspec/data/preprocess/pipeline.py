"""Lists of steps: their check against types, the affine map at their end, and their JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from netspec.data.preprocess.sample import Sample, StepError
from netspec.data.preprocess.steps import STEPS, AffineStep, ImageStep, Step
from netspec.diagnostics import ModelError
from netspec.ir import DType, TensorType


@dataclass(frozen=True, slots=True)
class Affine:
    """y = gain * x + offset, a number for each channel or one for all."""

    gain: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)

    def then(self, gain: Iterable[float], offset: Iterable[float]) -> Affine:
        """This map followed by another one."""
        gains, offsets = tuple(gain), tuple(offset)
        channels = max(map(len, (self.gain, self.offset, gains, offsets)))
        rows = zip(*(_spread(each, channels) for each in (self.gain, self.offset, gains, offsets)), strict=True)
        pairs = [(first * second, start * second + end) for first, start, second, end in rows]
        return Affine(tuple(gain for gain, _ in pairs), tuple(offset for _, offset in pairs))


def split(steps: Sequence[Step]) -> tuple[tuple[ImageStep, ...], Affine | None]:
    """The steps on uint8 images, and all later ones as one map (None if there is none)."""
    images = tuple(step for step in steps if isinstance(step, ImageStep))
    affine: Affine | None = None
    for step in steps:
        if isinstance(step, AffineStep):
            affine = (affine or Affine()).then(*step.affine())
    return images, affine


def views(steps: Sequence[Step]) -> int:
    """As how many samples one goes through the network (`ten_crop`); their predictions are averaged."""
    sample = Sample((None, None, None), DType.UINT8)
    for step in steps:
        if step.views != 1:
            sample = step.infer(sample)
    return sample.views


def check(steps: Sequence[Step], input: TensorType, stored: TensorType | None = None) -> None:
    """Prove that the steps make `input` of a stored sample (of any image where `stored` is None).

    Raises:
        StepError: a step cannot take what it gets, or the result is of another type.
    """
    sample = Sample.of(stored) if stored is not None else Sample.unseen(input)
    for step in steps:
        sample = step.infer(sample)
    if not steps and stored is None:
        return
    if not sample.fits(input):
        wanted = Sample.of(input)
        remedy = "" if sample.dtype is input.dtype else "; `scale` and `normalize` make float32"
        raise StepError(f"the sample becomes {sample}, the input is {wanted}{remedy}")


def as_json(steps: Iterable[Step]) -> list[dict[str, Any]]:
    """The steps as plain data, as they would stand in a spec: `[{"scale": 0.5}, ...]`."""
    return [{step.name: _argument(step)} for step in steps]


def from_json(steps: object, place: str) -> tuple[Step, ...]:
    """The steps that `as_json` wrote.

    Raises:
        ModelError: `model-file` at `place`: the data say something else.
    """
    if not isinstance(steps, list):
        raise _refused(place, "not a list of steps")
    return tuple(_step(entry, place) for entry in steps)


def _step(entry: object, place: str) -> Step:
    if not (isinstance(entry, dict) and len(entry) == 1):
        raise _refused(place, f"a step is one name with its arguments, got {str(entry)[:60]}")
    ((name, argument),) = entry.items()
    model = STEPS.get(name)
    if model is None:
        raise _refused(place, f"no step is called {str(name)[:60]!r}")
    try:
        return model.model_validate(_values(model, argument))
    except ValidationError as error:
        raise _refused(place, f"{name}: {error.errors()[0]['msg']}") from None


def _values(model: type[Step], argument: object) -> object:
    if argument is None:
        return {}
    return argument if isinstance(argument, dict) or model.main is None else {model.main: argument}


def _refused(place: str, message: str) -> ModelError:
    return ModelError.at(place, "model-file", f"preprocessing that netspec does not know: {message}")


def _argument(step: Step) -> Any:
    values = step.model_dump(mode="json", exclude_defaults=True)
    if not values:
        return None
    return values[step.main] if step.main is not None and set(values) == {step.main} else values


def _spread(values: tuple[float, ...], channels: int) -> tuple[float, ...]:
    return values * channels if len(values) == 1 else values
