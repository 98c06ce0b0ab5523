"""Vanishing and exploding gradients in numbers: deep_sigmoid_mlp against its ReLU twin on MNIST (docs/vanishing.md).

For each activation and depth: the norm of the bias gradient of the first hidden layer over that of the last one, in the
first step and as a mean over the first epoch, the share of dead units at the end, and the accuracy on held-out digits.
Then the same first step for weights that are drawn ever larger. No bar: the numbers are what the page shows.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import netspec
from benchmarks.harness import report
from netspec.training.probe import RECORD, GradientProbe

DEPTHS = (1, 2, 3, 4, 6, 8)
STDS = (0.05, 0.2, 0.5, 1.0, 2.0)


def rows_of(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / RECORD).read_text().splitlines()]


def trained(directory: Path, *settings: str) -> tuple[list[dict[str, Any]], netspec.Run]:
    spec = netspec.load("deep_sigmoid_mlp", settings=settings)
    run = netspec.train(spec, directory=directory, observing=GradientProbe.observing)
    return rows_of(directory), run


def ratio(row: dict[str, Any], depth: int) -> float:
    """First hidden layer over last."""
    norms = row["biases"]
    return float(norms["hidden1.linear"] / max(norms[f"hidden{depth}.linear"], 1e-30))


def main(folder: Path, epochs: int) -> None:
    vanishing(folder, epochs)
    exploding(folder)


def vanishing(folder: Path, epochs: int) -> None:
    """By depth, trained."""
    for activation, rate in (("sigmoid", 0.5), ("relu", 0.1)):
        for depth in DEPTHS:
            settings = [f"activation={activation}", f"depth={depth}", f"train.epochs={epochs}"]
            settings.append(f"train.optimizer={{sgd: {rate}}}")
            rows, run = trained(folder / f"{activation}_{depth}", *settings)
            first = [row for row in rows if row["epoch"] == 1]
            report(
                "vanishing",
                activation=activation,
                depth=depth,
                first_step=f"{ratio(rows[0], depth):.3g}",
                first_epoch=f"{statistics.mean(ratio(row, depth) for row in first):.3g}",
                dead=max(rows[-1]["dead"].values()),
                accuracy=run.metrics["validation_accuracy"],
            )


def exploding(folder: Path) -> None:
    """By the spread of the initial weights, in the first step."""
    for activation in ("sigmoid", "relu"):
        for std in STDS:
            settings = [f"activation={activation}", "depth=8", "train.epochs=none", "train.steps=1"]
            settings += ["train.optimizer={sgd: 0}", "train.validation=none"]
            settings.append(f'init=[{{params: "*", weight: {{normal: {{std: {std}}}}}, bias: {{constant: 0}}}}]')
            rows, _ = trained(folder / f"{activation}_std_{std}", *settings)
            norms = rows[0]["biases"]
            report(
                "exploding",
                activation=activation,
                std=std,
                depth=8,
                ratio=f"{ratio(rows[0], 8):.3g}",
                first=f"{norms['hidden1.linear']:.3g}",
                last=f"{norms['hidden8.linear']:.3g}",
            )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]), epochs=10)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary), epochs=10)
