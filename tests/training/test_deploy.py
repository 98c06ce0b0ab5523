"""What an exported file says of itself, and that a predictor gives the training's own answers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import onnx
import pytest

from netspec.diagnostics import ModelError
from netspec.runtime.predictor import Predictor
from netspec.training.deploy import describe, export_spec
from netspec.training.run import train
from tests.training.specs import HEAD, TRAIN, spec_of, write_data


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
    assert json.loads(noted["netspec.labels"]) == ["left", "middle", "right"]
    steps = [{"scale": 1 / 255}, {"normalize": {"mean": [0.5], "std": [0.25]}}]
    assert json.loads(noted["netspec.preprocess"]) == {"image": steps}
    assert noted["netspec.activation"] == "softmax"
    predictor = Predictor(tmp_path / "model.onnx")
    pixels = ((images[:, None].astype(np.float32) / 255 - 0.5) / 0.25).astype(np.float32)
    (logits,) = predictor.session.run(None, {"image": pixels})
    assert (logits.argmax(1) == labels).mean() > 0.95


def test_other_losses_and_no_section(tmp_path: Path) -> None:
    write_data(tmp_path)
    plain = describe(spec_of(HEAD, tmp_path))
    assert plain["netspec.activation"] == "" and plain["netspec.labels"] == "[]"
    other = TRAIN.replace("loss: cross_entropy", "loss: multi_margin_loss")
    found = describe(spec_of(HEAD + other, tmp_path))
    assert found["netspec.activation"] == "" and json.loads(found["netspec.labels"]) == ["0", "1", "2"]


def test_weights_that_do_not_fit_leave_no_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        export_spec(spec_of(HEAD, tmp_path), tmp_path / "model.onnx", weights=tmp_path / "absent")
    assert not (tmp_path / "model.onnx").exists()
