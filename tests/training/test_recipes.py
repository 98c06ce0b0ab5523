"""The shipped recipes on the real digits; those that take minutes are slow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import netspec
from netspec.compiler import load
from netspec.data.readers.mnist import Mnist
from netspec.lang.folder import Folder
from netspec.training.evaluate import evaluate
from netspec.training.run import train

PIXELS = 784


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_recipe_reaches_99_per_cent(tmp_path: Path, seed: int) -> None:
    spec = load("mnist_convnet")
    run = train(spec, seed=seed, directory=tmp_path / "run")
    assert evaluate(spec, run.weights)["accuracy"] >= 0.99
    assert run.cpu_seconds <= 60


def test_the_deep_autoencoder_leaves_the_mean_digit(tmp_path: Path) -> None:
    """Its logistic units start where gradients reach the first layer: with a gain of 1 it stays at 52.7 for long."""
    spec = netspec.load("deep_autoencoder", settings=["train.epochs=none", "train.steps=200", "train.batch_size=32"])
    run = train(spec, directory=tmp_path / "run", threads=1)
    images = Mnist().load(Folder(Path())).arrays["image"][:10_000].reshape(-1, PIXELS) / 255
    of_the_mean = np.square(images - images.mean(0)).mean()
    assert run.metrics["validation_mse_loss"] < 0.8 * of_the_mean


@pytest.mark.slow
def test_the_deep_autoencoder_is_far_better_than_principal_components(tmp_path: Path) -> None:
    run = train(netspec.load("deep_autoencoder"), directory=tmp_path / "run", threads=1)
    error = evaluate(netspec.load("deep_autoencoder"), run.weights)["mse_loss"] * PIXELS
    assert error <= 5.0
    assert run.cpu_seconds <= 25 * 60


def test_the_classifier_starts_from_the_encoder(tmp_path: Path) -> None:
    short = ["train.epochs=none", "train.steps=1"]
    encoder = train(netspec.load("mnist_stacked_autoencoder", settings=short), directory=tmp_path / "encoder").weights
    settings = [*short, f"train.weights.file={encoder}", "train.optimizer.sgd.lr=0.0"]
    spec = netspec.load("mnist_pretrained_classifier", settings=settings, allowed=[tmp_path])
    started = load_file(train(spec, directory=tmp_path / "run").weights)
    made = load_file(encoder)
    for layer in ("enc1", "enc2", "enc3"):
        assert torch.equal(started[f"{layer}.weight"], made[f"{layer}.weight"])
        assert torch.equal(started[f"{layer}.bias"], made[f"{layer}.bias"])


@pytest.mark.parametrize("activation", ["sigmoid", "relu"])
def test_every_stage_of_pre_training_learns(tmp_path: Path, activation: str) -> None:
    """Each of the three autoencoders, which have a loss of their own, gets better at its task."""
    settings = [
        f"activation={activation}",
        "train.epochs=none",
        "train.steps=40",
        "train.batch_size=20",
        "train.evaluate={every: 20}",
    ]
    run = train(netspec.load("mnist_stacked_autoencoder", settings=settings), directory=tmp_path / "run", threads=1)
    losses: dict[str, list[float]] = {}
    for row in run.history:
        losses.setdefault(row["stage"], []).append(row["train_loss"])
    assert [len(each) for each in losses.values()] == [2, 2, 2]
    assert all(later < earlier for earlier, later in losses.values())


@pytest.mark.slow
def test_pre_training_is_worth_a_point(tmp_path: Path) -> None:
    """With 1,000 labels and logistic units. For five seeds, three rates: benchmarks/pretraining.py."""
    encoder = train(netspec.load("mnist_stacked_autoencoder"), directory=tmp_path / "encoder", threads=1).weights
    found = {}
    for name, more in (("pretrained", [f"train.weights.file={encoder}"]), ("scratch", [])):
        spec = netspec.load("mnist_pretrained_classifier", settings=more, allowed=[tmp_path])
        run = train(spec, directory=tmp_path / name, threads=1)
        found[name] = evaluate(spec, run.weights)["accuracy"]
    assert found["pretrained"] >= found["scratch"] + 0.01
