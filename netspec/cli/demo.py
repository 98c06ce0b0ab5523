"""`netspec demo`."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import netspec
from netspec.cli.export import parity_text
from netspec.cli.output import progress_wanted
from netspec.compiler.analyses import totals
from netspec.diagnostics import TrainingError

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPEC = "mnist_convnet"
MIN_ACCURACY = 0.985
DIGITS = 5
SHADES = " .:-=+*#%@"


@click.command("demo")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("netspec-demo"),
    help="The run directory.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of the run.")
def command(output: Path, seed: int) -> None:
    """Check, train, export, prove and run the lecture's ConvNet on the MNIST digits that come with netspec.

    Example: netspec demo -o demo
    """
    spec = netspec.load(SPEC)
    click.echo(f"1. check   {SPEC}: {totals(spec.graph).num_params:,} parameters, as the lecture says")
    click.echo("2. train   on the MNIST digits, about a minute on two cores")
    run = netspec.train(spec, seed=seed, directory=output, progress=progress_wanted(quiet=False))
    accuracy = _test_accuracy(spec, output)
    click.echo(f"           {accuracy:.2%} of the 10,000 test digits right, {run.cpu_seconds:.0f} CPU seconds")
    report = netspec.export_onnx(spec, output / "digits.onnx", weights=output / "best.safetensors")
    click.echo("3. export  " + parity_text(report).replace("\n", "\n4. prove   "))
    click.echo("5. run     with ONNX Runtime, no torch involved")
    _show_predictions(output / "digits.onnx")
    if accuracy < MIN_ACCURACY:
        message = f"{accuracy:.2%} of the test digits right; at least {MIN_ACCURACY:.1%} were expected"
        raise TrainingError.at(SPEC, "bad-training", message)
    click.echo(f"\nCurves, filters, confusion matrix and weights are in {output}/. Next:")
    click.echo(
        f"  netspec run {output}/digits.onnx {output}/digit.png    netspec summary {SPEC}    netspec compile {SPEC}"
    )


def _test_accuracy(spec: netspec.Spec, output: Path) -> float:
    from netspec.training.evaluate import evaluate

    return evaluate(spec, output / "best.safetensors", split="test")["accuracy"]


def _show_predictions(model: Path) -> None:
    """A few test digits as characters, and what the model says of them; the first one also as a picture to try."""
    from PIL import Image

    predictor = netspec.Predictor(model)
    images = _test_images(DIGITS)
    Image.fromarray(images[0]).save(model.with_name("digit.png"))
    best = [classes[0] for classes in predictor.classify(images[:, None], top_k=1)]
    for row in range(4, 26, 2):
        click.echo("           " + "  ".join(_line(image[row], image[row + 1]) for image in images))
    click.echo("           " + "  ".join(f"{each.label} ({each.probability:.1%})".center(24) for each in best))


def _test_images(count: int) -> NDArray[Any]:
    import numpy as np

    path = Path(netspec.__file__).parent / "data" / "mnist" / "t10k-images-idx3-ubyte.gz"
    with gzip.open(path) as file:
        file.seek(16)
        return np.frombuffer(file.read(count * 28 * 28), np.uint8).reshape(count, 28, 28)


def _line(upper: NDArray[Any], lower: NDArray[Any]) -> str:
    """Two rows of pixels as one line: a character is about twice as high as it is wide."""
    mean = (upper.astype(int) + lower) // 2
    return "".join(SHADES[value * (len(SHADES) - 1) // 255] for value in mean[2:26])
