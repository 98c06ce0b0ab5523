"""What follows outputs in the file: ONNX Runtime against numbers worked by hand, and against numpy on random ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper

from netspec.backends.onnx.formulas import dimensions
from netspec.deploy.after import AFTER, Chain, chain
from netspec.deploy.wrap import put_behind
from netspec.ir import TensorType, symbol
from netspec.ops.base import OpError

Array = np.ndarray[Any, Any]


def ended(found: Chain, type: TensorType, opset: int) -> Any:
    """A session of a model that gives its input, with the chain behind it."""
    axes = dimensions(type, "batch", {})
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, axes)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, axes)
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"], name="y")], "g", [x], [y])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset)])
    put_behind(model, found, type, {})
    onnx.checker.check_model(model, full_check=True)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def applied(steps: list[dict[str, Any]], x: Array, axis: int | None = None, opset: int = 20) -> dict[str, Array]:
    shape = (symbol("T"), x.shape[2]) if x.ndim == 3 else x.shape[1:]
    type = TensorType(shape)
    entries = tuple(AFTER[name].model_validate(values) for each in steps for name, values in each.items())
    found = chain("y", type, entries, axis)
    session = ended(found, type, opset)
    names = [each.name for each in session.get_outputs()]
    assert names == list(found.types)
    results = dict(zip(names, session.run(None, {"x": x}), strict=True))
    for name, expected in found.reference(x).items():
        assert results[name].shape == expected.shape and found.types[name].dtype == results[name].dtype.name
        np.testing.assert_allclose(results[name], expected, rtol=1e-5, atol=1e-6)
    return results


@pytest.mark.parametrize("opset", [17, 20, 22])
def test_numbers_worked_by_hand(opset: int) -> None:
    x = np.log(np.array([[1, 2, 5], [6, 1, 1]], np.float32))
    assert np.allclose(applied([{"softmax": {}}], x, opset=opset)["y"], [[0.125, 0.25, 0.625], [0.75, 0.125, 0.125]])
    assert np.allclose(applied([{"sigmoid": {}}], x, opset=opset)["y"], [[1 / 2, 2 / 3, 5 / 6], [6 / 7, 1 / 2, 1 / 2]])
    assert applied([{"argmax": {}}], x, opset=opset)["y"].tolist() == [2, 0]
    found = applied([{"softmax": {}}, {"top_k": {"k": 2}}], x, opset=opset)
    assert found["y.indices"].tolist() == [[2, 1], [0, 1]] and np.allclose(found["y.values"][0], [0.625, 0.25])


def test_a_ctc_path_loses_repeats_then_blanks() -> None:
    """Graves 2006: B(a-ab-) = B(-aa--abb) = aab, the blank being class 0."""
    paths = [[1, 0, 1, 2, 0, 0, 0, 0], [0, 1, 1, 0, 0, 1, 2, 2], [0, 0, 0, 0, 0, 0, 0, 0], [2, 2, 1, 1, 2, 0, 2, 2]]
    x = np.eye(3, dtype=np.float32)[np.array(paths)]
    found = applied([{"ctc_decode": {}}], x)
    assert found["y.lengths"].tolist() == [3, 3, 0, 4]
    read = [row[:length].tolist() for row, length in zip(found["y"], found["y.lengths"], strict=True)]
    assert read == [[1, 1, 2], [1, 1, 2], [], [2, 1, 2, 2]]
    assert (found["y"][2] == -1).all()
    other = applied([{"ctc_decode": {"blank": 2}}], x)
    assert other["y.lengths"].tolist() == [4, 4, 1, 2] and other["y"][3, 0] == 1


@pytest.mark.parametrize("steps", [1, 2, 30])
def test_random_paths(steps: int) -> None:
    applied([{"ctc_decode": {"blank": 1}}], np.random.default_rng(steps).random((5, steps, 4), dtype=np.float32))


def test_axes_of_images_and_sequences() -> None:
    x = np.random.default_rng(0).standard_normal((2, 5, 3, 4)).astype(np.float32)
    found = applied([{"softmax": {"dim": 1}}, {"top_k": {"k": 2, "dim": 1}}], x)
    expected = torch.from_numpy(x).softmax(1).topk(2, 1)
    np.testing.assert_allclose(found["y.values"], expected.values, rtol=1e-5)
    np.testing.assert_array_equal(found["y.indices"], expected.indices)
    np.testing.assert_array_equal(applied([{"argmax": {}}], x, axis=1)["y"], x.argmax(1))


def test_of_equal_scores_the_first_is_chosen() -> None:
    x = np.zeros((2, 4), np.float32)
    assert applied([{"argmax": {}}], x)["y"].tolist() == [0, 0]
    assert applied([{"top_k": {"k": 3}}], x)["y.indices"].tolist() == [[0, 1, 2]] * 2


def test_an_axis_that_nothing_says() -> None:
    with pytest.raises(OpError, match="over which axis"):
        chain("y", TensorType((5, 3, 4)), (AFTER["softmax"](),), None)
