"""Hinton's autoencoder: squared error of a test image after training from random numbers, and the CPU minutes it took.

Bar: at most 5.0 within 25 CPU minutes, one thread (30 numbers by PCA: 13.87; the paper, with RBMs: 3.00). The curve is
that of training images, by epoch.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import netspec
from benchmarks.harness import report
from netspec.training.evaluate import evaluate

SPEC = "deep_autoencoder"
PIXELS = 784


def main(folder: Path, epochs: int | None, seed: int) -> None:
    settings = [] if epochs is None else [f"train.epochs={epochs}"]
    spec = netspec.load(SPEC, settings=settings)
    run = netspec.train(spec, directory=folder / "run", seed=seed, threads=1)
    test = evaluate(spec, run.last, split="test")["mse_loss"] * PIXELS
    report(
        "deep_autoencoder",
        seed=seed,
        squared_error_per_test_image=test,
        cpu_minutes=run.cpu_seconds / 60,
        epochs=run.history[-1]["epoch"],
        curve={f"{row['epoch']:g}": round(row["train_mse_loss"] * PIXELS, 3) for row in run.history},
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, help="In place of the spec's.")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary), arguments.epochs, arguments.seed)
