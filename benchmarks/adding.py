"""The adding problem over 100 steps: an LSTM and a plain recurrent network, the same steps, three seeds.

Bars: the LSTM's mean squared error on held-out sequences is below 0.01 with every seed; that of the plain network, with
the best of three learning rates, stays near 1/6, which is what the mean alone gives. `--svg FILE` draws both.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import torch

import netspec
from benchmarks.harness import report
from netspec import atomic
from netspec.training.pictures.svg import BLUE, GRID, INK, MUTED, RED, document, element, polyline, text

SEEDS = (0, 1, 2)
RATES = {"lstm": (0.01,), "rnn": (0.01, 0.003, 0.001)}
LENGTH = 100
#: The variance of the sum of two numbers from 0 to 1.
CHANCE = 1 / 6

History = list[tuple[int, float]]


def trained(cell: str, rate: float, seed: int, folder: Path) -> tuple[History, float]:
    """Mean squared errors on the held-out sequences by step, and CPU seconds."""
    settings = (f"cell={cell}", f"T={LENGTH}", f"train.optimizer={{adam: {rate}}}")
    run = netspec.train(
        "adding_problem",
        settings=settings,
        seed=seed,
        directory=folder / f"{cell}-{rate}-{seed}",
        device="cpu",
        threads=1,
    )
    return [(row["step"], row["validation_loss"]) for row in run.history], run.cpu_seconds


def best_of(cell: str, seed: int, folder: Path) -> dict[str, Any]:
    """The rate with the smallest last error, and what each gave."""
    runs = {rate: trained(cell, rate, seed, folder) for rate in RATES[cell]}
    best = min(runs, key=lambda rate: runs[rate][0][-1][1])
    return {
        "last": {str(rate): round(history[-1][1], 5) for rate, (history, _) in runs.items()},
        "best_rate": best,
        "mse": round(runs[best][0][-1][1], 5),
        "cpu_seconds": round(sum(seconds for _, seconds in runs.values()), 1),
        "history": runs[best][0],
    }


def picture(found: dict[str, dict[int, dict[str, Any]]]) -> str:
    """Errors by step, on an axis of square roots, so that small ones are told apart; a line for each seed."""
    width, height, left, right, top, bottom = 620.0, 380.0, 70.0, 150.0, 60.0, 50.0
    last = max(step for runs in found.values() for each in runs.values() for step, _ in each["history"])

    def place(step: float, error: float) -> tuple[float, float]:
        share = min(1.0, (error / 0.2) ** 0.5)
        return left + step / last * (width - left - right), height - bottom - share * (height - top - bottom)

    body = [text(left, 26, f"The adding problem, T = {LENGTH}", size=16, font_weight=600)]
    body.append(text(left, 46, "mean squared error on 1,000 held-out sequences, three seeds each", size=12, fill=MUTED))
    for error in (0, 0.01, 0.05, 0.1, 0.2):
        (x, y), (end, _) = place(0, error), place(last, error)
        body.append(element("line", x1=x, x2=end, y1=y, y2=y, stroke=INK if error == 0 else GRID))
        body.append(text(x - 8, y + 4, f"{error:g}", size=11, fill=MUTED, anchor="end"))
    for step in range(0, last + 1, 500):
        body.append(text(place(step, 0)[0], height - bottom + 18, f"{step:,}", size=11, fill=MUTED, anchor="middle"))
    body.append(text((left + width - right) / 2, height - 10, "step", size=11, fill=MUTED, anchor="middle"))
    (x, y), (end, _) = place(0, CHANCE), place(last, CHANCE)
    body.append(element("line", x1=x, x2=end, y1=y, y2=y, stroke=MUTED, stroke_dasharray="4 4"))
    body.append(text(end + 8, y - 6, "1/6, the mean alone", size=11, fill=MUTED))
    for cell, colour, label in (("rnn", RED, "rnn, best rate"), ("lstm", BLUE, "lstm")):
        for each in found[cell].values():
            body.append(polyline([place(step, error) for step, error in each["history"]], colour))
        end, y = place(last, found[cell][SEEDS[0]]["mse"])
        body.append(text(end + 8, y + 12, label, size=12, fill=colour))
    return document(width, height, "The adding problem", body)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--svg", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        found = {cell: {seed: best_of(cell, seed, Path(folder)) for seed in SEEDS} for cell in RATES}
    if options.svg is not None:
        atomic.write(options.svg, picture(found))
    shown = {
        cell: {seed: {key: value for key, value in each.items() if key != "history"} for seed, each in runs.items()}
        for cell, runs in found.items()
    }
    report("adding", T=LENGTH, chance=CHANCE, **shown)


if __name__ == "__main__":
    main()
