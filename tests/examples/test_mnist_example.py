"""The MNIST example, run as a user runs it: once on a quick spec, and (slow) with the shipped recipe."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import netspec
from netspec.runtime.predictor import Predictor

EXAMPLE = Path(__file__).parents[2] / "examples" / "mnist"
DATA = Path(netspec.__file__).parent / "data" / "mnist"

# Digits shrunk to a linear classifier of one pass: a few seconds, and still far better than chance.
QUICK = """netspec: 1
name: quick
inputs:
  image: {shape: [1, 28, 28], preprocess: [{scale: =1/255}, {normalize: {mean: [0.1307], std: [0.3081]}}]}
layers:
  - flatten
  - linear: 10
train:
  data: {mnist: {}}
  validation: 0.1
  batch_size: 256
  loss: cross_entropy
  metrics: accuracy
  optimizer: {adam: {lr: 0.003}}
  epochs: 1
"""


def _digits() -> tuple[np.ndarray, np.ndarray]:
    return _read("t10k-images-idx3-ubyte.gz", 16).reshape(-1, 28, 28), _read("t10k-labels-idx1-ubyte.gz", 8)


def _read(name: str, header: int) -> np.ndarray:
    return np.frombuffer(gzip.decompress((DATA / name).read_bytes())[header:], np.uint8)


def run_example(folder: Path, spec: str) -> float:
    """Run train.sh and predict.py in a copy of the example; the share of the first 2,000 test digits that are right."""
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    subprocess.run([str(folder / "train.sh"), spec], check=True, env=environment, capture_output=True)
    images, labels = _digits()
    np.save(folder / "digits.npy", images[:2000])
    words = [sys.executable, str(folder / "predict.py"), str(folder / "digits.onnx"), str(folder / "digits.npy")]
    said = subprocess.run(words, check=True, capture_output=True, text=True).stdout.split()
    ours = [best[0].label for best in Predictor(folder / "digits.onnx").classify(images[:200, None], top_k=1)]
    assert said[:200] == ours
    return float(np.mean([int(word) for word in said] == labels[:2000]))


def test_the_example_runs_on_a_quick_spec(tmp_path: Path) -> None:
    (tmp_path / "quick.yaml").write_text(QUICK)
    assert run_example(tmp_path, "quick.yaml") > 0.85


@pytest.mark.slow
def test_the_example_runs_with_the_shipped_recipe(tmp_path: Path) -> None:
    assert run_example(tmp_path, "mnist_convnet") > 0.98


def test_prediction_needs_only_numpy_and_onnxruntime() -> None:
    imports = [
        line for line in (EXAMPLE / "predict.py").read_text().splitlines() if line.startswith(("import", "from"))
    ]
    assert imports == ["import json", "import sys", "import numpy as np", "import onnxruntime as ort"]
