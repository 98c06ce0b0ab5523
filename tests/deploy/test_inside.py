"""Preprocessing in the file gives, byte for byte, what Pillow gives; everything else is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import PIL
import pytest
from onnx import TensorProto, helper
from PIL import Image

from netspec.backends.onnx.formulas import dimensions
from netspec.data.preprocess import from_json
from netspec.data.preprocess.arrays import apply
from netspec.data.preprocess.steps import STEPS
from netspec.deploy import inside
from netspec.deploy.inside import refusal, stored_type
from netspec.deploy.wrap import put_before
from netspec.ir import DType, TensorType, symbol

FREE = (3, symbol("H"), symbol("W"))
IMAGENET = {"mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}


def opened(steps: list[dict[str, Any]], input: TensorType, opset: int = 20) -> Any:
    """A session of a model that gives its prepared input."""
    found = from_json(steps, "x")
    axes = dimensions(input, "batch", {})
    kind = TensorProto.FLOAT if input.dtype is DType.FLOAT32 else TensorProto.UINT8
    x, y = (helper.make_tensor_value_info(name, kind, axes) for name in "xy")
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"], name="y")], "g", [x], [y])
    model = helper.make_model(graph, ir_version=10, opset_imports=[helper.make_opsetid("", opset)])
    put_before(model, "x", found, stored_type("x", found, input), input, {})
    onnx.checker.check_model(model, full_check=True)
    return ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def bytes_of(height: int, width: int, seed: int = 0, channels: int = 3) -> np.ndarray[Any, Any]:
    return np.random.default_rng(seed).integers(0, 256, (2, channels, height, width), dtype=np.uint8)


CASES = {
    "imagenet": ([{"resize": 64}, {"center_crop": 56}, {"scale": 1 / 255}, {"normalize": IMAGENET}], (3, 56, 56)),
    "bilinear": ([{"resize": 31}, {"scale": 1.0}], FREE),
    "bilinear to a size": ([{"resize": [31, 17]}, {"scale": 1.0}], (3, 31, 17)),
    "bicubic": ([{"resize": {"size": 40, "interpolation": "bicubic"}}, {"scale": 1.0}], FREE),
    "bicubic to a size": ([{"resize": {"size": [9, 70], "interpolation": "bicubic"}}, {"scale": 0.5}], (3, 9, 70)),
    "nearest": ([{"resize": {"size": [33, 57], "interpolation": "nearest"}}, {"scale": 1.0}], (3, 33, 57)),
    "grey": ([{"grayscale": None}, {"center_crop": [9, 8]}, {"scale": 1.0}], (1, 9, 8)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@pytest.mark.parametrize("opset", [17, 20])
def test_every_byte_is_the_one_of_pillow(case: tuple[list[dict[str, Any]], Any], opset: int) -> None:
    steps, shape = case
    session = opened(steps, TensorType(shape), opset)
    sizes = [*np.random.default_rng(1).integers(64, 200, (20, 2)).tolist(), [64, 64], [300, 65], [65, 300], [200, 100]]
    for height, width in sizes:
        x = bytes_of(height, width, seed=height)
        np.testing.assert_array_equal(session.run(None, {"x": x})[0], apply(from_json(steps, "x"), x))


def test_it_is_pillow_itself_that_is_matched() -> None:
    """Without netspec's own steps between: what Image.resize gives, both ways round."""
    session = opened([{"resize": [20, 30]}, {"scale": 1.0}], TensorType((1, 20, 30)))
    for height, width in [(80, 31), (25, 90), (7, 9), (41, 30), (42, 31), (43, 31)]:
        x = bytes_of(height, width, channels=1)[:1]
        expected = np.asarray(Image.fromarray(x[0, 0]).resize((30, 20), Image.Resampling.BILINEAR))
        np.testing.assert_array_equal(session.run(None, {"x": x})[0][0, 0], expected)


def test_an_older_pillow_never_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert inside._turns() == (int(PIL.__version__.split(".")[0]) >= 13)
    monkeypatch.setattr(PIL, "__version__", "12.3.0")
    assert not inside._turns()
    session = opened([{"resize": [20, 30]}, {"scale": 1.0}], TensorType((1, 20, 30)))
    assert session.run(None, {"x": bytes_of(80, 31, channels=1)})[0].shape == (2, 1, 20, 30)


def test_steps_on_tensors_keep_the_size() -> None:
    steps = [{"scale": 1 / 255}, {"normalize": {"mean": [0.5], "std": [0.25]}}]
    session = opened(steps, TensorType((1, 6, symbol("W"))))
    assert session.get_inputs()[0].type == "tensor(uint8)" and session.get_inputs()[0].shape == ["batch", 1, 6, "W"]
    x = bytes_of(6, 9, channels=1)
    np.testing.assert_array_equal(session.run(None, {"x": x})[0], apply(from_json(steps, "x"), x))
    vectors = opened([{"scale": 0.1}], TensorType((5,)))
    x = np.arange(10, dtype=np.uint8).reshape(2, 5)
    np.testing.assert_allclose(vectors.run(None, {"x": x})[0], x * np.float32(0.1))


def test_an_image_smaller_than_the_crop_is_an_error_not_a_smaller_input() -> None:
    session = opened([{"center_crop": 9}, {"scale": 1.0}], TensorType((3, 9, 9)))
    with pytest.raises(Exception, match=r"[Rr]eshape"):
        session.run(None, {"x": bytes_of(8, 12)})


def test_every_other_step_is_refused() -> None:
    exact = {"scale", "normalize", "to_tensor", "resize", "center_crop", "grayscale"}
    assert refusal(from_json([each for steps, _ in CASES.values() for each in steps], "x")) is None
    lanczos = from_json([{"resize": {"size": 9, "interpolation": "lanczos"}}], "x")
    assert "lanczos" in (refusal(lanczos) or "")
    others = {"pad": {"padding": 2}, "flip_channels": None, "five_crop": 4, "ten_crop": 4, "decode": None}
    assert others.keys() == STEPS.keys() - exact
    for name, arguments in others.items():
        assert f"`{name}`" in (refusal(from_json([{name: arguments}], "x")) or "")
