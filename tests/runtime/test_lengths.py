"""A deployed model whose samples have several lengths."""

from __future__ import annotations

import numpy as np
import pytest

import netspec
from netspec.diagnostics import DataError
from netspec.runtime.latency import measure
from netspec.runtime.predictor import Predictor

SPEC = """
netspec: 1
name: net
dims: {T: {lengths: text_lengths}}
inputs: {words: {shape: [T], dtype: int64, below: 9}}
layers:
  - embedding: 3
  - {name: read, lstm: {hidden_size: 4, bidirectional: true}}
  - {linear: 2, from: read.last}
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Predictor:
    folder = tmp_path_factory.mktemp("model")
    (folder / "net.yaml").write_text(SPEC)
    netspec.export_onnx(folder / "net.yaml", folder / "net.onnx")
    return Predictor(folder / "net.onnx")


def test_samples_are_whole_where_no_lengths_are_given(model: Predictor) -> None:
    words = np.array([[1, 2, 3], [4, 5, 6]])
    [name] = model.outputs
    plain = model.predict({"words": words})[name]
    np.testing.assert_array_equal(plain, model.predict({"words": words, "text_lengths": np.array([3, 3])})[name])
    assert not np.allclose(plain, model.predict({"words": words, "text_lengths": np.array([2, 3])})[name])


def test_padding_may_be_any_index(model: Predictor) -> None:
    [name] = model.outputs
    lengths = np.array([2, 4])
    one = model.predict({"words": np.array([[1, 2, 0, 0], [3, 4, 5, 6]]), "text_lengths": lengths})[name]
    other = model.predict({"words": np.array([[1, 2, 8, 7], [3, 4, 5, 6]]), "text_lengths": lengths})[name]
    np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(one[0], model.predict({"words": np.array([[1, 2]])})[name][0], rtol=1e-5)


@pytest.mark.parametrize(("lengths", "wrong"), [([0, 3], 0), ([4, 1], 4)])
def test_lengths_beyond_the_array_are_refused(model: Predictor, lengths: list[int], wrong: int) -> None:
    with pytest.raises(DataError, match=f"holds lengths from 1 to 3, the size of `T`, got {wrong}"):
        model.predict({"words": np.ones((2, 3), np.int64), "text_lengths": np.array(lengths)})


def test_latency_is_measured_on_whole_samples(model: Predictor) -> None:
    found = measure(model, 8, 2, {"T": 5})
    assert found.batch_size == 8 and found.p50_ms > 0
