"""`netspec run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from netspec.cli.output import format_option, print_json

if TYPE_CHECKING:
    from netspec.runtime.predictor import Predictor


@click.command("run")
@click.argument("model", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True)
@click.option("--top-k", type=click.IntRange(min=1), default=3, help="How many classes to show.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="cpu", envvar="NETSPEC_DEVICE")
@format_option
def command(
    model: Path, inputs: tuple[str, ...], top_k: int, device: Literal["auto", "cpu", "cuda"], format_: str
) -> None:
    """Predict with ONNX Runtime. INPUT is a PNG or JPEG image, FILE[INDEX] of an IDX file, or an NPY file."""
    from netspec.runtime.predictor import Predictor

    predictor = Predictor(model, device)
    rows = [row for word in inputs for row in _predict(predictor, word, top_k)]
    if format_ == "json":
        print_json({"model": str(model), "predictions": rows})
        return
    for row in rows:
        click.echo(f"{row['input']}: " + _text(row))


def _predict(predictor: Predictor, word: str, top_k: int) -> list[dict[str, Any]]:
    """A row for each sample that a word names."""
    from netspec.runtime.inputs import read_samples

    samples = read_samples(word, next(iter(predictor.inputs.values())))
    if not predictor.labels:
        outputs = predictor.predict(samples)
        found = {name: array.tolist() for name, array in outputs.items()}
        return [{"input": word, "outputs": found}]
    plural = len(samples) > 1
    return [
        {
            "input": f"{word}[{number}]" if plural else word,
            "classes": [{"label": each.label, "probability": each.probability} for each in best],
        }
        for number, best in enumerate(predictor.classify(samples, top_k))
    ]


def _text(row: dict[str, Any]) -> str:
    if "outputs" in row:
        return ", ".join(f"{name} = {values}" for name, values in row["outputs"].items())
    return "  ".join(f"{each['label']} {each['probability']:.2%}" for each in row["classes"])
