"""The shipped recipe on the real digits. It takes a minute for each seed."""

from __future__ import annotations

from pathlib import Path

import pytest

from netspec.compiler import load
from netspec.training.evaluate import evaluate
from netspec.training.run import train


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_recipe_reaches_99_per_cent(tmp_path: Path, seed: int) -> None:
    spec = load("mnist_convnet")
    run = train(spec, seed=seed, directory=tmp_path / "run")
    assert evaluate(spec, run.weights)["accuracy"] >= 0.99
    assert run.cpu_seconds <= 60
