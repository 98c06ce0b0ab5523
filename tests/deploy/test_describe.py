"""What an exported file says of itself, and that a predictor gives the training's own answers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from netspec.compiler import Spec, compile_source
from netspec.deploy.describe import describe
from netspec.deploy.export import export_spec, planned
from netspec.diagnostics import DataError, ModelError, Source
from netspec.runtime.predictor import Predictor
from netspec.training.run import train
from tests.training.specs import HEAD, TRAIN, spec_of, write_data


def described(spec: Spec) -> dict[str, str]:
    found = planned(spec)
    return describe(spec, found, found.parts[0])


def test_metadata_and_answers(tmp_path: Path) -> None:
    images, labels = write_data(tmp_path)
    text = TRAIN.replace("epochs: 3", "epochs: 30").replace("classes: 3", "classes: [left, middle, right]")
    spec = spec_of(HEAD + text, tmp_path)
    run = train(spec, directory=tmp_path / "run")
    export_spec(spec, tmp_path / "model.onnx", weights=run.weights)
    model = onnx.load(tmp_path / "model.onnx")
    noted = {each.key: each.value for each in model.metadata_props}
    assert noted["netspec.spec"] == spec.source.text and noted["netspec.name"] == "small"
    assert noted["netspec.spec_sha256"] == hashlib.sha256(spec.source.text.encode()).hexdigest()
    assert json.loads(noted["netspec.labels"]) == {"fc": ["left", "middle", "right"]}
    steps = [{"scale": 1 / 255}, {"normalize": {"mean": [0.5], "std": [0.25]}}]
    assert json.loads(noted["netspec.preprocess"]) == {"image": steps}
    assert noted["netspec.activation"] == "softmax"
    predictor = Predictor(tmp_path / "model.onnx")
    pixels = ((images[:, None].astype(np.float32) / 255 - 0.5) / 0.25).astype(np.float32)
    (logits,) = predictor.session.run(None, {"image": pixels})
    assert (logits.argmax(1) == labels).mean() > 0.95


def test_other_losses_and_no_section(tmp_path: Path) -> None:
    write_data(tmp_path)
    plain = described(spec_of(HEAD, tmp_path))
    assert plain["netspec.activation"] == "" and plain["netspec.labels"] == "{}"
    other = TRAIN.replace("loss: cross_entropy", "loss: multi_margin_loss")
    found = described(spec_of(HEAD + other, tmp_path))
    assert found["netspec.activation"] == "" and json.loads(found["netspec.labels"]) == {"fc": ["0", "1", "2"]}


def test_weights_that_do_not_fit_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        export_spec(spec_of(HEAD, tmp_path), tmp_path / "model.onnx", weights=tmp_path / "absent")
    assert not (tmp_path / "model.onnx").exists()


BOUNDED = """
netspec: 1
inputs: {tokens: {shape: [4], dtype: int64, below: 30}, x: [8]}
layers:
  - {embedding: 8, from: tokens}
  - {name: sum, add, from: [0, x]}
"""


def test_indices_are_checked_before_the_model_sees_them(tmp_path: Path) -> None:
    spec = compile_source(Source("bounded.yaml", BOUNDED))
    export_spec(spec, tmp_path / "model.onnx")
    predictor = Predictor(tmp_path / "model.onnx")
    assert json.loads(predictor.metadata["netspec.below"]) == {"tokens": 30}
    tokens, x = np.array([[0, 29, 3, 4]]), np.zeros((1, 8), np.float32)
    assert predictor.predict({"tokens": tokens, "x": x})["sum"].shape == (1, 4, 8)
    for wrong in (30, -1):
        with pytest.raises(DataError, match=f"the input `tokens` takes indices from 0 to 29, got {wrong}"):
            predictor.predict({"tokens": np.array([[0, 3, wrong, 4]]), "x": x})
