"""`netspec run`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from netspec.cli.guard import guarded
from netspec.cli.options import COUNT, device_option
from netspec.cli.output import format_option, print_json
from netspec.diagnostics import DataError

if TYPE_CHECKING:
    from netspec.runtime.predictor import Predictor


@click.command("run")
@click.argument("model", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--top-k", type=COUNT, default=3, help="How many classes to show.")
@device_option("cpu")
@format_option
@guarded
def command(
    model: Path, inputs: tuple[str, ...], top_k: int, device: Literal["auto", "cpu", "cuda"], format_: str
) -> None:
    """Predict with ONNX Runtime.

    INPUT is a PNG, JPEG or BMP image, a folder of them, FILE[INDEX] of an IDX file, or an NPY file. The model runs in a
    process of its own, with limits on time and memory.

    Example: netspec run net.onnx digit.png
    """
    from netspec.runtime.predictor import Predictor

    predictor = Predictor(model, device)
    rows: list[dict[str, Any]] = []
    for names, samples in _batches(predictor, inputs):
        with _named(names):
            rows += _rows(predictor, names, samples, top_k)
    if format_ == "json":
        print_json({"model": str(model), "predictions": rows})
        return
    for row in rows:
        click.echo(f"{row['input']}: " + _text(row))


def _batches(predictor: Predictor, inputs: tuple[str, ...]) -> Iterator[tuple[list[str], list[Any]]]:
    """Names and stored samples, as many together as the model takes, and those of equal shapes only."""
    names: list[str] = []
    samples: list[Any] = []
    for name, sample in _samples(predictor, inputs):
        if samples and (len(samples) == predictor.batch_size or sample.shape != samples[0].shape):
            yield names, samples
            names, samples = [], []
        names.append(name)
        samples.append(sample)
    yield names, samples


def _samples(predictor: Predictor, inputs: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    from netspec.runtime.inputs import read_samples, words_in

    shape = next(iter(predictor.inputs.values()))
    for word in (file for each in inputs for file in words_in(each)):
        found = read_samples(word, shape)
        for index, sample in enumerate(found):
            yield f"{word}[{index}]" if len(found) > 1 else word, sample


@contextmanager
def _named(names: list[str]) -> Iterator[None]:
    """What the model does not take is said with the file that it came from."""
    try:
        yield
    except DataError as error:
        others = f" and {len(names) - 1:,} more like it" if len(names) > 1 else ""
        notes = (f"in {names[0]}{others}",) if names else ()
        raise DataError(replace(each, notes=each.notes + notes) for each in error.diagnostics) from None


def _rows(predictor: Predictor, names: list[str], samples: list[Any], top_k: int) -> list[dict[str, Any]]:
    """A row for each sample: its classes, or its outputs where the model has no labels."""
    if predictor.is_text:
        texts = predictor.read(samples)
        return [{"input": name, "text": text} for name, text in zip(names, texts, strict=True)]
    if predictor.labels:
        return [
            {"input": name, "classes": [{"label": each.label, "probability": each.probability} for each in best]}
            for name, best in zip(names, predictor.classify(samples, top_k), strict=True)
        ]
    outputs = predictor.measure(samples)
    return [
        {"input": name, "outputs": {output: _of(array, index, len(names)) for output, array in outputs.items()}}
        for index, name in enumerate(names)
    ]


def _of(array: Any, index: int, count: int) -> Any:
    """The part of an output that belongs to a sample; all of one that has none for each, as a foreign file's may."""
    return (array[index] if array.ndim and len(array) == count else array).tolist()


def _text(row: dict[str, Any]) -> str:
    if "outputs" in row:
        return ", ".join(f"{name} = {values}" for name, values in row["outputs"].items())
    if "text" in row:
        return " ".join(row["text"])
    return "  ".join(_class(each["label"], each["probability"]) for each in row["classes"])


def _class(label: str, probability: float | None) -> str:
    return label if probability is None else f"{label} {probability:.2%}"
