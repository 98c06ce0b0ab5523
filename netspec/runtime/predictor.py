"""A deployed model: raw samples in, labels and probabilities out."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netspec.diagnostics import DataError, ModelError
from netspec.runtime.session import Device, first_line, open_session

if TYPE_CHECKING:
    from netspec.data.preprocess import Step

Array = NDArray[Any]

BATCH_SIZE = 64

_ELEMENT_TYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prediction:
    """A class with its probability (its raw score where the model does not say that its outputs are logits)."""

    label: str
    probability: float


class Predictor:
    """An ONNX file with what netspec wrote into it: labels, preprocessing, what its outputs are.

    Files of other origin run too: `predict` gives their raw outputs.

    Args:
        path: The ONNX file.
        device: `cpu`, `cuda`, or `auto` (CUDA if it is there).
        seed: Of what the model draws.

    Raises:
        ModelError: `model-file`.
        UnavailableError: CUDA was asked for and is not there.
    """

    def __init__(self, path: str | Path, device: Device = "cpu", seed: int = 0) -> None:
        self.path = Path(path)
        self.session = open_session(self.path, device)
        self.metadata: dict[str, str] = dict(self.session.get_modelmeta().custom_metadata_map)
        self.inputs = {each.name: tuple(each.shape[1:]) for each in self.session.get_inputs()}
        size = next((each.shape[0] for each in self.session.get_inputs() if each.shape), None)
        #: Samples of one call: the model's own number where that is fixed, a few dozen where it is open.
        self.batch_size: int = size if isinstance(size, int) else BATCH_SIZE
        self.outputs = [each.name for each in self.session.get_outputs()]
        self._dtypes = {each.name: _ELEMENT_TYPES.get(each.type, np.float32) for each in self.session.get_inputs()}
        self.labels = self._labels()
        self._random = np.random.default_rng(seed)
        self._below = self._bounds()

    def predict(self, batch: Array | Mapping[str, Array]) -> dict[str, Array]:
        """The raw outputs by name.

        Args:
            batch: Preprocessed samples `[N, *shape]`, or one such array for each input by name. Inputs that the model
                draws (`sample`, `randn_like`) may be left out.

        Raises:
            DataError: `input-file`: a shape that the model does not take, or an index that is not below its bound.
        """
        arrays = dict(batch) if isinstance(batch, Mapping) else {next(iter(self.inputs)): batch}
        feeds = {name: self._checked(name, array) for name, array in arrays.items()}
        feeds |= self._drawn(feeds)
        missing = [name for name in self.inputs if name not in feeds]
        if missing:
            raise DataError.at(str(self.path), "input-file", f"the model needs the input `{missing[0]}` too")
        try:
            found = self.session.run(self.outputs, feeds)
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            message = "ONNX Runtime could not run the model"
            raise ModelError.at(str(self.path), "model-file", message, notes=[first_line(error)]) from None
        return dict(zip(self.outputs, found, strict=True))

    def prepare(self, sample: Array) -> Array:
        """A stored sample (uint8 image `[channels, height, width]`, say) as the model's first input `[*shape]`.

        Raises:
            DataError: `input-file`: a size that the model's preprocessing cannot take.
        """
        from netspec.data.preprocess import StepError
        from netspec.data.preprocess.arrays import apply

        name = next(iter(self.inputs))
        try:
            return apply(self.steps(name), sample, rank=len(self.inputs[name]))
        except StepError as error:
            raise DataError.at(str(self.path), "input-file", str(error)) from None

    def measure(self, samples: Sequence[Array], *, as_probabilities: bool = False) -> dict[str, Array]:
        """The outputs for stored samples, by name; those of several views of a sample (`ten_crop`) are averaged.

        Args:
            samples: Arrays `[*shape]`, of any sizes that preprocessing brings to one.
            as_probabilities: Put logits through softmax first, where the file says that it has logits.

        Raises:
            DataError: `input-file`: samples that the model does not take.
        """
        rank = len(next(iter(self.inputs.values())))
        prepared = [self.prepare(sample) for sample in samples]
        if len({array.shape for array in prepared}) > 1:
            message = f"samples of shapes {list(prepared[0].shape)} and {list(prepared[-1].shape)} are no batch"
            raise DataError.at(str(self.path), "input-file", message)
        stacked = np.stack(prepared)
        views = stacked.shape[1] if stacked.ndim == rank + 2 else 1
        found = self.predict(stacked.reshape(-1, *stacked.shape[stacked.ndim - rank :]))
        if as_probabilities and self.metadata.get("netspec.activation") == "softmax":
            found[self.outputs[0]] = softmax(found[self.outputs[0]])
        if views == 1:
            return found
        return {name: array.reshape(-1, views, *array.shape[1:]).mean(axis=1) for name, array in found.items()}

    def classify(self, samples: Sequence[Array] | Array, top_k: int = 5) -> list[list[Prediction]]:
        """The most probable classes of stored samples `[N, *shape]`, best first.

        Raises:
            DataError: `input-file`: samples that the model does not take.
            ModelError: `model-file`: the model's first output is not one score per class.
        """
        scores = self.measure(list(samples), as_probabilities=True)[self.outputs[0]]
        if scores.ndim != 2:
            message = f"the output `{self.outputs[0]}` has shape {list(scores.shape[1:])}, not one score per class"
            raise ModelError.at(str(self.path), "model-file", message)
        labels = self.labels or tuple(map(str, range(scores.shape[1])))
        order = np.argsort(-scores, axis=1, kind="stable")[:, :top_k]
        return [
            [Prediction(labels[index], float(row[index])) for index in best]
            for row, best in zip(scores, order, strict=True)
        ]

    def steps(self, name: str) -> tuple[Step, ...]:
        """The preprocessing of an input, as the file says it.

        Raises:
            ModelError: `model-file`: the file says something that netspec does not know.
        """
        from netspec.data.preprocess import from_json

        found = self._json("netspec.preprocess")
        return from_json(found.get(name, []), str(self.path)) if isinstance(found, dict) else ()

    def _labels(self) -> tuple[str, ...]:
        found = self._json("netspec.labels")
        return tuple(map(str, found)) if isinstance(found, list) else ()

    def _bounds(self) -> dict[str, int]:
        """What the indices of an input are smaller than, as the file says it."""
        found = self._json("netspec.below")
        numbers = found.items() if isinstance(found, dict) else ()
        return {name: bound for name, bound in numbers if type(bound) is int}

    def _json(self, key: str) -> object:
        text = self.metadata.get(key, "")
        try:
            return json.loads(text) if text else None
        except ValueError:
            raise ModelError.at(str(self.path), "model-file", f"its metadata `{key}` is not JSON") from None

    def _checked(self, name: str, array: Array) -> Array:
        if name not in self.inputs:
            known = ", ".join(f"`{each}`" for each in self.inputs)
            raise DataError.at(str(self.path), "input-file", f"the model has no input `{name}`; it has {known}")
        shape = self.inputs[name]
        sizes = zip(array.shape[1:], shape, strict=False)
        if array.ndim != len(shape) + 1 or any(isinstance(want, int) and have != want for have, want in sizes):
            message = f"the input `{name}` takes [N, {', '.join(map(str, shape))}], got {list(array.shape)}"
            raise DataError.at(str(self.path), "input-file", message)
        self._check_bound(name, array)
        return np.ascontiguousarray(array, dtype=self._dtypes[name])

    def _drawn(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """The inputs that are drawn and not given, as many samples as there are of the others."""
        found = self._json("netspec.sample")
        drawn = found.items() if isinstance(found, dict) else ()
        missing = [(name, how) for name, how in drawn if name in self.inputs and name not in feeds]
        if not missing or not feeds:
            return {}
        known = {
            axis: size
            for name, array in feeds.items()
            for axis, size in zip(self.inputs[name], array.shape[1:], strict=True)
        }
        count = len(next(iter(feeds.values())))
        shapes = {name: (count, *(known.get(size, size) for size in self.inputs[name])) for name, _ in missing}
        return {name: self._checked(name, self._draw(how, shapes[name])) for name, how in missing}

    def _draw(self, distribution: str, shape: tuple[int, ...]) -> Array:
        uniform = distribution == "uniform"
        return self._random.random(shape) if uniform else self._random.standard_normal(shape)

    def _check_bound(self, name: str, array: Array) -> None:
        below = self._below.get(name)
        if below is not None and array.size and not (array.min() >= 0 and array.max() < below):
            wrong = array.min() if array.min() < 0 else array.max()
            message = f"the input `{name}` takes indices from 0 to {below - 1}, got {wrong}"
            raise DataError.at(str(self.path), "input-file", message)


def softmax(scores: Array) -> Array:
    """Probabilities of the last axis; the largest score is subtracted first, so nothing overflows."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return result
