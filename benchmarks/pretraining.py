"""Pre-training against random numbers: 784-1000-1000-1000-10 on 1,000 labelled digits (slides 29-34).

For each seed: `mnist_stacked_autoencoder` is trained on all 60,000 digits without labels; then
`mnist_pretrained_classifier` on 1,000 labels, from its weights and from random ones (Xavier's for logistic units), for
the same number of epochs, with three learning rates each. The rate is chosen on 10,000 held-out training digits; what
is compared is the accuracy on the test digits. The same without pre-training for ReLU units stands beside it.

Bar: a mean gain of at least 1.0 point over 5 seeds with logistic units.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

import netspec
from benchmarks.harness import report
from netspec.training.evaluate import evaluate

RATES = (0.03, 0.1, 0.3)


def classifier(folder: Path, seed: int, epochs: int | None, *settings: str) -> dict[str, float]:
    """The test accuracy of the best of three rates, by the held-out digits."""
    found: list[tuple[float, float, float]] = []
    for rate in RATES:
        chosen = [*settings, f"train.optimizer={{sgd: {{lr: {rate}, momentum: 0.9}}}}"]
        chosen += [] if epochs is None else [f"train.epochs={epochs}"]
        spec = netspec.load("mnist_pretrained_classifier", settings=chosen, allowed=[folder.parent])
        try:
            run = netspec.train(spec, directory=folder / f"rate_{rate}", seed=seed)
        except netspec.NetspecError as error:
            report("pretraining-failed", rate=rate, seed=seed, why=error.diagnostics[0].message)
            continue
        test = evaluate(spec, run.weights, split="test")["accuracy"]
        found.append((run.metrics["validation_accuracy"], test, rate))
    held_out, test, rate = max(found)
    return {"test_accuracy": test, "held_out_accuracy": held_out, "rate": rate}


def main(folder: Path, seeds: int, unlabelled: float | None, epochs: int | None) -> None:
    gains, relus = [], []
    for seed in range(seeds):
        settings = [] if unlabelled is None else [f"train.epochs={unlabelled}"]
        stacked = netspec.load("mnist_stacked_autoencoder", settings=settings)
        start = netspec.train(stacked, directory=folder / f"stacked_{seed}", seed=seed)
        weights = f"train.weights.file={start.last.resolve()}"
        pretrained = classifier(folder / f"pretrained_{seed}", seed, epochs, weights)
        scratch = classifier(folder / f"scratch_{seed}", seed, epochs)
        relu = classifier(folder / f"relu_{seed}", seed, epochs, "activation=relu")
        gains.append(100 * (pretrained["test_accuracy"] - scratch["test_accuracy"]))
        relus.append(100 * relu["test_accuracy"])
        report(
            "pretraining",
            seed=seed,
            gain_points=gains[-1],
            pretrained=pretrained,
            scratch=scratch,
            relu_from_scratch=relu,
            pretraining_cpu_minutes=start.cpu_seconds / 60,
        )
    report("pretraining-mean", seeds=seeds, gain_points=statistics.mean(gains), relu_percent=statistics.mean(relus))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--unlabelled-epochs", type=float, help="Of each stage, in place of the spec's.")
    parser.add_argument("--epochs", type=int, help="Of the classifiers, in place of the spec's.")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary), arguments.seeds, arguments.unlabelled_epochs, arguments.epochs)
