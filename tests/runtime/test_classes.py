"""Files whose metadata promise what their graph does not give: words, not a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from netspec.diagnostics import DataError, ModelError
from netspec.runtime.predictor import Predictor

BATCH = ["batch", 3]


def written(path: Path, outputs: dict[str, int], metadata: dict[str, Any], *more: Any) -> Predictor:
    """A model that gives its input `x` under several names, each of an element type."""
    nodes = [helper.make_node("Cast", ["x"], [name], to=type) for name, type in outputs.items()]
    values = [helper.make_tensor_value_info(name, type, BATCH) for name, type in outputs.items()]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, BATCH), *more]
    graph = helper.make_graph(nodes, "net", inputs, values)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    helper.set_model_props(model, {key: json.dumps(value) for key, value in metadata.items()})
    onnx.save(model, path)
    return Predictor(path)


FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
PROMISES = {
    "no values": ("top_k", {"y": FLOAT}, "no output `y.values`"),
    "no indices": ("top_k", {"y.values": FLOAT}, "no output `y.indices`"),
    "indices that are none": ("top_k", {"y.values": FLOAT, "y.indices": FLOAT}, "float32, not whole numbers"),
    "a row of classes": ("argmax", {"y": INT}, r"has shape \[3\], not one score per class"),
    "a text without lengths": ("ctc_decode", {"y": INT}, "no output `y.lengths`"),
    "a text of numbers": ("ctc_decode", {"y": FLOAT, "y.lengths": INT}, "float32, not whole numbers"),
    "a row of lengths": ("ctc_decode", {"y": INT, "y.lengths": INT}, r"`y.lengths` has shape \[3\]"),
}


@pytest.mark.parametrize(("last", "outputs", "part"), PROMISES.values(), ids=list(PROMISES))
def test_what_metadata_promise_and_the_graph_does_not_give(
    tmp_path: Path, last: str, outputs: dict[str, int], part: str
) -> None:
    predictor = written(tmp_path / "net.onnx", outputs, {"netspec.after": {"y": [{last: {}}]}})
    ask = predictor.read if last == "ctc_decode" else predictor.classify
    with pytest.raises(ModelError, match=part):
        ask(np.ones((2, 3), np.float32))


def test_top_k_is_read_where_the_graph_gives_it(tmp_path: Path) -> None:
    metadata = {"netspec.after": {"y": [{"top_k": {}}]}, "netspec.labels": {"y": ["a", "b", "c"]}}
    predictor = written(tmp_path / "net.onnx", {"y.values": FLOAT, "y.indices": INT}, metadata)
    [best] = predictor.classify(np.array([[2, 1, 0]], np.float32), top_k=2)
    assert [(each.label, each.probability) for each in best] == [("c", 2.0), ("b", 1.0)]


def test_samples_of_any_type_of_numbers_and_no_samples(tmp_path: Path) -> None:
    predictor = written(tmp_path / "net.onnx", {"y": FLOAT}, {})
    assert predictor.measure([np.array([1, 2, 65535], np.uint16)])["y"].tolist() == [[1, 2, 65535]]
    with pytest.raises(DataError, match="there is no sample"):
        predictor.measure([])
    with pytest.raises(DataError, match="elements of type complex64"):
        predictor.measure([np.ones(3, np.complex64)])


def test_steps_take_no_other_type_than_they_know(tmp_path: Path) -> None:
    for key in ("netspec.preprocess", "netspec.inside"):
        predictor = written(tmp_path / "net.onnx", {"y": FLOAT}, {key: {"x": [{"center_crop": {"size": 2}}]}})
        with pytest.raises(DataError, match="elements of type uint16, which no step takes"):
            predictor.prepare(np.ones((3, 4, 4), np.uint16))


def test_what_is_drawn_along_an_axis_that_nothing_tells_has_to_be_given(tmp_path: Path) -> None:
    more = helper.make_tensor_value_info("z", FLOAT, ["batch", "Z"])
    predictor = written(tmp_path / "net.onnx", {"y": FLOAT}, {"netspec.sample": {"z": "normal"}}, more)
    x = np.ones((2, 3), np.float32)
    with pytest.raises(DataError, match="needs the input `z` too"):
        predictor.predict(x)
    assert predictor.predict({"x": x, "z": np.ones((2, 4))})["y"].shape == (2, 3)
