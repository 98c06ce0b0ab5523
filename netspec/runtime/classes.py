"""Outputs in words: classes with their probabilities, decoded texts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from netspec.diagnostics import ModelError
from netspec.runtime.description import Description

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Prediction:
    """A class with its probability: its raw score where the file does not say how scores become probabilities.

    None where the file gives the class alone.
    """

    label: str
    probability: float | None


def name_of_first(said: Description, outputs: list[str]) -> str:
    """The output of the spec that the file's first output is, or is made of."""
    for name, last in said.after.items():
        suffix = {"top_k": ".values"}.get(last, "")
        if outputs[0] == f"{name}{suffix}":
            return name
    return outputs[0]


def classes_of(
    name: str, found: Mapping[str, Array], said: Description, top_k: int, path: Path
) -> list[list[Prediction]]:
    """The best classes of each sample, best first.

    Args:
        name: An output of the spec.
        found: The file's outputs, by name.
        said: What the file says.
        top_k: How many, at most.
        path: The file, for messages.

    Raises:
        ModelError: `model-file`: the output is not one score per class, or not what the file's metadata say.
    """
    labels, last = said.labels.get(name, ()), said.after.get(name, "")
    if last == "ctc_decode":
        raise _no_scores(path, name, "is a decoded text")
    if last == "argmax":
        chosen = _output(path, name, found, 1, whole=True)
        return [[Prediction(_label(labels, int(index)), None)] for index in chosen]
    if last == "top_k":
        values = _output(path, f"{name}.values", found, 2)
        indices = _output(path, f"{name}.indices", found, 2, whole=True)
        _check_alike(path, name, values.shape, indices.shape)
    else:
        scores = _output(path, name, found, 2)
        indices = np.argsort(-scores, axis=1, kind="stable")
        values = np.take_along_axis(scores, indices, axis=1)
    return [
        [Prediction(_label(labels, int(index)), float(value)) for index, value in pairs]
        for pairs in (
            zip(row[:top_k], scores[:top_k], strict=True) for row, scores in zip(indices, values, strict=True)
        )
    ]


def texts_of(name: str, found: Mapping[str, Array], said: Description, path: Path) -> list[list[str]]:
    """What a CTC output reads, label by label.

    Raises:
        ModelError: `model-file`: the output is not what the file's metadata say.
    """
    labels = said.labels.get(name, ())
    rows = _output(path, name, found, 2, whole=True)
    lengths = _output(path, f"{name}.lengths", found, 1, whole=True)
    _check_alike(path, name, rows.shape[:1], lengths.shape)
    pairs = zip(rows, lengths, strict=True)
    return [[_label(labels, int(index)) for index in row[: int(length)]] for row, length in pairs]


def softmax(scores: Array) -> Array:
    """Probabilities of the last axis; the largest score is subtracted first, so nothing overflows."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    result: Array = shifted / shifted.sum(axis=-1, keepdims=True)
    return result


def _label(labels: tuple[str, ...], index: int) -> str:
    return labels[index] if 0 <= index < len(labels) else str(index)


def _output(path: Path, name: str, found: Mapping[str, Array], rank: int, *, whole: bool = False) -> Array:
    """An output of so many axes, the batch among them, and of whole numbers where they are classes or lengths."""
    array = found.get(name)
    if array is None:
        raise ModelError.at(str(path), "model-file", f"it has no output `{name}`, which its metadata promise")
    if array.ndim != rank:
        raise _no_scores(path, name, f"has shape {list(array.shape[1:])}")
    if whole and array.dtype.kind not in "iu":
        raise ModelError.at(str(path), "model-file", f"the output `{name}` is {array.dtype}, not whole numbers")
    return array


def _check_alike(path: Path, name: str, one: tuple[int, ...], other: tuple[int, ...]) -> None:
    if one != other:
        message = f"the parts of the output `{name}` have shapes {list(one)} and {list(other)}"
        raise ModelError.at(str(path), "model-file", message)


def _no_scores(path: Path, name: str, what: str) -> ModelError:
    return ModelError.at(str(path), "model-file", f"the output `{name}` {what}, not one score per class")
