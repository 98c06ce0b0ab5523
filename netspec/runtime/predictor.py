"""A deployed model: raw samples in, labels and probabilities out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from netspec.diagnostics import DataError, ModelError
from netspec.runtime.classes import Prediction, classes_of, name_of_first, softmax, texts_of
from netspec.runtime.description import Description
from netspec.runtime.feeds import Feeds
from netspec.runtime.session import Device, first_line, open_session

if TYPE_CHECKING:
    from netspec.data.preprocess import Step

Array = NDArray[Any]

BATCH_SIZE = 64


class Predictor:
    """An ONNX file with what netspec wrote into it: labels, preprocessing, what its outputs are.

    Files of other origin run too: `predict` gives their raw outputs. They run in this process; `netspec run` gives
    them one of its own, with limits.

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
        size = next((each.shape[0] for each in self.session.get_inputs() if each.shape), None)
        self._fixed_batch = size if isinstance(size, int) and size > 0 else None
        #: Samples of one call: the model's own number where that is fixed, a few dozen where it is open.
        self.batch_size: int = self._fixed_batch or BATCH_SIZE
        self.outputs = [each.name for each in self.session.get_outputs()]
        self.said = Description(self.metadata, self.outputs, self.path)
        self._feeds = Feeds(self.session, self.said, self.path, seed)
        self.inputs = self._feeds.shapes
        self.dtypes = self._feeds.dtypes
        #: The output of the spec that the first output is made of, and the names of its classes.
        self.first = name_of_first(self.said, self.outputs)
        self.labels = self.said.labels.get(self.first, ())

    @property
    def is_text(self) -> bool:
        """Whether the first output is a decoded text."""
        return self.said.after.get(self.first) == "ctc_decode"

    def predict(self, batch: Array | Mapping[str, Array]) -> dict[str, Array]:
        """The raw outputs by name.

        A model whose batch size is fixed gets the samples in pieces of that size.

        Args:
            batch: Preprocessed samples `[N, *shape]`, or one such array for each input by name. Inputs that the model
                draws (`sample`, `randn_like`) may be left out.

        Raises:
            DataError: `input-file`: a shape that the model does not take, a number that is not finite, or an index
                that is not below its bound.
        """
        arrays = dict(batch) if isinstance(batch, Mapping) else {next(iter(self.inputs)): batch}
        feeds = self._feeds.of(arrays)
        if self._fixed_batch is None:
            return self._run(feeds)
        count = len(next(iter(feeds.values())))
        pieces = [self._run(piece) for piece in _pieces(feeds, count, self._fixed_batch)]
        return {name: self._joined([piece[name] for piece in pieces], count) for name in self.outputs}

    def _joined(self, pieces: list[Array], count: int) -> Array:
        """One output of several calls; one that is the same for all samples is that of the first."""
        if pieces[0].ndim == 0 or len(pieces[0]) != self._fixed_batch:
            return pieces[0]
        return np.concatenate(pieces)[:count]

    def _run(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        try:
            found = self.session.run(self.outputs, dict(feeds))
        except Exception as error:  # ONNX Runtime's exceptions have no common base
            message = "ONNX Runtime could not run the model"
            raise ModelError.at(str(self.path), "model-file", message, notes=[first_line(error)]) from None
        return dict(zip(self.outputs, found, strict=True))

    def prepare(self, sample: Array) -> Array:
        """A stored sample (uint8 image `[channels, height, width]`, say) as the model's first input `[*shape]`.

        Where the model does the preprocessing itself, that is the sample as it is.

        Raises:
            DataError: `input-file`: a size that the model's preprocessing cannot take.
        """
        from netspec.data.preprocess import StepError
        from netspec.data.preprocess.arrays import apply

        name = next(iter(self.inputs))
        rank = len(self.inputs[name])
        try:
            _check_steps(self.said.steps(name, inside=True), sample)
            return apply(self.steps(name), sample, rank=rank)
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
        if not prepared:
            raise DataError.at(str(self.path), "input-file", "there is no sample")
        if len({array.shape for array in prepared}) > 1:
            message = f"samples of shapes {list(prepared[0].shape)} and {list(prepared[-1].shape)} are no batch"
            raise DataError.at(str(self.path), "input-file", message)
        stacked = np.stack(prepared)
        views = stacked.shape[1] if stacked.ndim == rank + 2 else 1
        found = self.predict(stacked.reshape(-1, *stacked.shape[stacked.ndim - rank :]))
        if as_probabilities and self.said.activation == "softmax":
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
        found = self.measure(list(samples), as_probabilities=True)
        return classes_of(self.first, found, self.said, top_k, self.path)

    def read(self, samples: Sequence[Array] | Array) -> list[list[str]]:
        """What a model that decodes reads in stored samples, label by label.

        Raises:
            DataError: `input-file`: samples that the model does not take.
            ModelError: `model-file`: the model does not give what its metadata say.
        """
        return texts_of(self.first, self.measure(list(samples)), self.said, self.path)

    def steps(self, name: str) -> tuple[Step, ...]:
        """The preprocessing of an input that comes before the file, as the file says it.

        Raises:
            ModelError: `model-file`: the file says something that netspec does not know.
        """
        return self.said.steps(name)


def _check_steps(steps: tuple[Step, ...], sample: Array) -> None:
    """The steps that the file does can take the sample; it would only fail."""
    from netspec.data.preprocess.arrays import seen

    if steps:
        known = seen(sample.shape, sample)
        for step in steps:
            known = step.infer(known)


def _pieces(feeds: Mapping[str, Array], count: int, size: int) -> Iterator[dict[str, Array]]:
    """Batches of one size; the last sample fills the last one up."""
    for start in range(0, count, size):
        piece = {name: array[start : start + size] for name, array in feeds.items()}
        short = size - len(next(iter(piece.values())))
        yield (
            {name: np.concatenate([array, *[array[-1:]] * short]) for name, array in piece.items()} if short else piece
        )


__all__ = ["Prediction", "Predictor", "softmax"]
