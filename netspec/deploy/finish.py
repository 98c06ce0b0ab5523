"""What becomes of a proven model before it is written, and the proof of that."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort

from netspec.backends.onnx.float16 import to_float16
from netspec.backends.onnx.int8 import quantize
from netspec.backends.onnx.parity import Difference, Trial, difference
from netspec.backends.onnx.sessions import session
from netspec.compiler.admissible import fits
from netspec.data.preprocess import StepError
from netspec.data.preprocess.arrays import apply
from netspec.deploy.after import Argmax, Chain, TopK
from netspec.deploy.gate import Verdict, batches, judge, parts
from netspec.deploy.inside import RESIZING, stored_type
from netspec.deploy.plan import ExportPlan, Part
from netspec.deploy.settings import HALF
from netspec.deploy.wrap import put_before, put_behind
from netspec.diagnostics import ModelError
from netspec.ir import DType, TensorType, evaluate, symbols_of

Arrays = dict[str, "np.ndarray[Any, Any]"]


class Finishing:
    """Converts one graph of a plan to its precision, and puts steps before and behind it."""

    def __init__(self, plan: ExportPlan, part: Part, place: str) -> None:
        self._plan = plan
        self._graph = part.graph
        self._place = place
        self._inside = [value for value in part.graph.inputs if value.name in plan.inside]
        outputs = dict(zip(part.graph.output_names, part.graph.outputs, strict=True))
        self._chains = {name: each for name, each in plan.after.items() if name in outputs}
        self._outputs = outputs
        self._core: ort.InferenceSession | None = None
        self._verdict: Verdict | None = None

    @property
    def is_needed(self) -> bool:
        """Whether anything is to be done."""
        return bool(self._inside or self._chains or self.changes_weights)

    @property
    def changes_weights(self) -> bool:
        """Whether stored tensors become others."""
        return self._plan.precision != "float32"

    def apply(self, model: onnx.ModelProto) -> onnx.ModelProto:
        """The model as it is to be written.

        Raises:
            ModelError: `parity`: int8 costs more than the spec allows.
            DataError: the data to calibrate on cannot be read.
        """
        found = self._precise(model)
        fixed = self._plan.fixed
        for value in self._inside:
            steps, stored = self._plan.steps[value.name], self.stored(value.name, value.type)
            put_before(found, value.name, steps, stored, value.type, fixed)
        for name, each in self._chains.items():
            put_behind(found, each, self._outputs[name].type, fixed)
        if self._verdict is not None:
            entry = found.metadata_props.add(key="netspec.int8")
            entry.value = json.dumps(self._verdict.as_json(), sort_keys=True)
        return found

    def stored(self, name: str, input: TensorType) -> TensorType:
        """What the file takes in place of an input."""
        trained = self._plan.trained
        field = trained.data.fields.get(name) if trained is not None else None
        return stored_type(name, self._plan.steps[name], input, field.type.dtype if field is not None else DType.UINT8)

    def _precise(self, model: onnx.ModelProto) -> onnx.ModelProto:
        if self._plan.precision == "float16":
            found = to_float16(model)
        elif self._plan.precision == "int8":
            found = self._int8(model)
        else:
            found = onnx.ModelProto()
            found.CopyFrom(model)
            return found
        self._core = session(found.SerializeToString())
        return found

    def _int8(self, model: onnx.ModelProto) -> onnx.ModelProto:
        calibration = self._plan.calibration
        assert calibration is not None
        seen, held = parts(calibration)
        names = [value.name for value in self._graph.inputs]
        found = quantize(
            model, [{name: batch[name] for name in names} for batch in batches(seen, self._graph, self._plan)]
        )
        plain, rounded = session(model.SerializeToString()), session(found.SerializeToString())
        self._verdict = judge(
            calibration, held, self._graph, self._plan, plain, rounded, calibrated_on=len(seen), place=self._place
        )
        return found

    def confirm(
        self, plain: ort.InferenceSession, file: ort.InferenceSession, tried: Sequence[Trial], place: str
    ) -> Mapping[str, Any]:
        """Compare the file with the plain model, and with numpy's and Pillow's results of what was put around it.

        Raises:
            ModelError: `parity`.
        """
        core = self._core or plain
        facts: dict[str, Any] = {"precision": self._plan.precision}
        if self._plan.precision == "float16":
            facts["float16_max_abs_diff"] = max(
                (each.max_abs_diff for each in self._halves(plain, core, tried)), default=0.0
            )
        if self._verdict is not None:
            facts["int8"] = self._verdict.as_json()
        trials = list(self._trials(tried))
        for stored, given in trials:
            results = dict(zip(self._outputs, core.run(list(self._outputs), given), strict=True))
            names = [each.name for each in file.get_outputs()]
            self._check(dict(zip(names, file.run(names, stored), strict=True)), results)
        facts["stored_batches"] = len(trials)
        return facts

    def _halves(
        self, plain: ort.InferenceSession, core: ort.InferenceSession, tried: Sequence[Trial]
    ) -> Iterator[Difference]:
        """How far float16 is from float32, always within the tolerance."""
        limit = self._plan.tolerance
        for trial in tried:
            expected = plain.run(list(self._outputs), trial.inputs)
            computed = core.run(list(self._outputs), trial.inputs)
            for name, a, b in zip(self._outputs, computed, expected, strict=True):
                found = difference(name, trial.batch, a, b, limit.atol, limit.rtol)
                if not found.ok:
                    raise self._too_far(found, "in float16 differs from float32")
                yield found

    def _trials(self, tried: Sequence[Trial]) -> Iterator[tuple[Arrays, Arrays]]:
        """What the file gets, and what the network then gets."""
        for number, trial in enumerate(tried):
            stored, given = dict(trial.inputs), dict(trial.inputs)
            for value in self._inside:
                samples = self._samples(value.name, value.type, trial, number)
                if samples is None:
                    break
                stored[value.name] = samples
                given[value.name] = apply(self._plan.steps[value.name], samples, rank=value.type.rank)
            else:
                yield stored, given

    def _samples(self, name: str, input: TensorType, trial: Trial, number: int) -> np.ndarray[Any, Any] | None:
        """Random stored samples that become what the network takes; None where no size is found that does."""
        steps, type = self._plan.steps[name], self.stored(name, input)
        generator = np.random.default_rng(number)
        free = not RESIZING.isdisjoint(step.name for step in steps)
        for height, width in _image_sizes(steps, number) if free else ((0, 0),):
            sizes = dict(trial.sizes) | ({f"{name}_height": height, f"{name}_width": width} if free else {})
            shape = (trial.batch, *(evaluate(size, sizes) for size in type.shape))
            if type.dtype.is_floating:
                return generator.standard_normal(shape).astype(type.dtype.value)
            samples = generator.integers(0, 256, shape).astype(np.uint8)
            try:
                made = apply(steps, samples, rank=input.rank).shape[1:]
            except StepError:
                continue
            if self._takes(input, made):
                return samples
        return None

    def _takes(self, input: TensorType, shape: tuple[int, ...]) -> bool:
        found: dict[str, int] = {}
        for size, have in zip(input.shape, shape, strict=True):
            if isinstance(size, int):
                if size != have:
                    return False
            else:
                found |= {each.name: have for each in symbols_of(size)}
        return not found or fits(self._graph, found)

    def _check(self, computed: Arrays, results: Arrays) -> None:
        for name, raw in results.items():
            each = self._chains.get(name)
            if each is None:
                self._compare(name, computed[name], raw)
                continue
            for made, expected in each.reference(raw).items():
                if np.issubdtype(expected.dtype, np.integer) and isinstance(each.steps[-1].entry, Argmax | TopK):
                    self._compare(made, *_chosen(each, raw, computed[made], expected))
                else:
                    self._compare(made, computed[made], expected)

    def _compare(self, name: str, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> None:
        limit = self._plan.tolerance if self._plan.precision != "int8" else HALF
        found = difference(name, len(a), a, b, limit.atol, limit.rtol)
        if not found.ok:
            raise self._too_far(found, "differs from what the parts of the file give")

    def _too_far(self, found: Difference, what: str) -> ModelError:
        message = (
            f"the output `{found.output}` {what} by {found.max_abs_diff:.3g} at {found.place}; "
            f"the limit is {found.limit:.3g}"
        )
        help = "the file was not written; what stood there before is unchanged"
        return ModelError.at(self._place, "parity", message, help=help)


def _chosen(
    each: Chain, raw: np.ndarray[Any, Any], computed: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """The scores of the classes chosen: of two that are equal but for rounding, either is right."""
    last = each.steps[-1]
    scores = raw
    for step in each.steps[:-1]:
        scores = step.entry.reference(scores, step.axis)[0]
    if computed.shape != expected.shape:
        return computed, expected
    if isinstance(last.entry, Argmax):
        computed, expected = np.expand_dims(computed, last.axis), np.expand_dims(expected, last.axis)
    return np.take_along_axis(scores, computed, last.axis), np.take_along_axis(scores, expected, last.axis)


def _image_sizes(steps: Sequence[Any], number: int) -> Iterator[tuple[int, int]]:
    """Sizes of images around those that the steps name: tall, wide, smaller and larger."""
    named = [step.size for step in steps if step.name in RESIZING]
    sides = [side for size in named for side in (size if isinstance(size, tuple) else (size,))]
    base = max([*sides, 4])
    tried = [(base, base + 3), (2 * base + 1, base + 7), (base + 5, 3 * base), (base, base), (2 * base, 2 * base)]
    yield from tried[number % 3 :]
    yield from tried[: number % 3]
