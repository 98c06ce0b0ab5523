"""int8 models against numbers worked by hand, against the float model, and by what ONNX Runtime makes of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from netspec.backends.onnx import lower
from netspec.backends.onnx.int8 import quantize
from netspec.backends.onnx.int8.fold import fold_batch_norm
from netspec.backends.onnx.int8.patches import rows_of
from netspec.backends.onnx.int8.ranges import Seen, Steps, steps_of
from netspec.backends.onnx.int8.weights import MOST, compensated, quantize_bias, rounded, scales
from netspec.backends.onnx.sessions import session
from netspec.backends.torch import build
from netspec.compiler import compile_source, load
from netspec.diagnostics import Source

Array = np.ndarray[Any, Any]


def lowered(text: str) -> onnx.ModelProto:
    torch.manual_seed(0)
    graph = compile_source(Source("net.yaml", text)).graph
    module = build(graph).eval()
    return lower(graph, {key: tensor.numpy() for key, tensor in module.state_dict().items()})


def optimized(model: onnx.ModelProto, tmp_path: Path) -> Counter[str]:
    """The operators of what ONNX Runtime runs."""
    options = ort.SessionOptions()
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    options.log_severity_level = 4
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node)


def run(model: onnx.ModelProto, **inputs: Array) -> Array:
    result: Array = session(model.SerializeToString()).run(None, inputs)[0]
    return result


def test_steps_include_zero_exactly() -> None:
    assert steps_of(0.0, 2.55) == Steps(pytest.approx(0.01), 0)
    assert steps_of(-1.0, 1.55) == Steps(pytest.approx(0.01), 100)
    real = steps_of(-1.0, 1.55).real(np.array([-9.0, -1.0, 0.0, 0.004, 0.006, 1.55, 9.0]))
    np.testing.assert_allclose(real, [-1.0, -1.0, 0.0, 0.0, 0.01, 1.55, 1.55], atol=1e-7)


def test_a_rare_extreme_is_cut_off_where_that_costs_less() -> None:
    seen = Seen()
    values = np.random.default_rng(0).laplace(size=(1, 100_000)).astype(np.float32)
    for look in (seen.widen, seen.count):
        look(values)

    def error(steps: Steps) -> float:
        return float(np.square(steps.real(values) - values).mean())

    found, whole = seen.steps(), steps_of(float(values.min()), float(values.max()))
    assert found.scale < 0.9 * whole.scale and error(found) < 0.9 * error(whole)
    tried = [steps_of(a, b) for a in np.linspace(seen.low, -2, 30) for b in np.linspace(2, seen.high, 30)]
    assert error(found) < 1.02 * min(map(error, tried))


def test_weights_by_hand() -> None:
    weight = np.array([[0.64, -0.32, 0.015], [0.0, 0.0, 0.0]], np.float32)
    scale = scales(weight)
    np.testing.assert_allclose(scale, [0.01, 1.0], rtol=1e-6)
    assert rounded(weight, scale).tolist() == [[64, -32, 1], [0, 0, 0]] or rounded(weight, scale)[0, 2] == 2
    assert quantize_bias(np.array([0.5, -1e30]), np.array([0.001, 1.0], np.float32)).tolist() == [500, -(2**31 - 1)]


def test_compensated_weights_keep_the_product_better() -> None:
    """Of correlated inputs the error of one weight is made good by another: GPTQ beats rounding to the nearest."""
    generator = np.random.default_rng(0)
    mixing = generator.standard_normal((40, 8))
    rows = generator.standard_normal((2000, 8)) @ mixing.T + 0.05 * generator.standard_normal((2000, 40))
    weight = generator.standard_normal((16, 40)).astype(np.float32)
    scale = scales(weight)

    def error(stored: Array) -> float:
        return float(np.square(rows @ (stored * scale[:, None] - weight).T).mean())

    found = compensated(weight, scale, rows)
    assert np.abs(found).max() <= MOST
    assert error(found) < 0.2 * error(rounded(weight, scale))


def test_rows_are_what_a_convolution_multiplies() -> None:
    node = helper.make_node("Conv", ["x", "w"], ["y"], strides=[2, 1], pads=[1, 0, 1, 2], dilations=[1, 2], group=2)
    x = np.random.default_rng(0).standard_normal((3, 4, 6, 7)).astype(np.float32)
    weight = np.random.default_rng(1).standard_normal((6, 2, 3, 2)).astype(np.float32)
    rows = rows_of(node, x, (3, 2), 500, seed=0)
    assert rows is not None and rows.shape == (500, 2, 12)
    results = np.stack([rows[:, g] @ weight[3 * g : 3 * g + 3].reshape(3, -1).T for g in range(2)], 1).reshape(500, 6)
    padded = torch.nn.functional.pad(torch.from_numpy(x), (0, 2, 1, 1))
    expected = torch.nn.functional.conv2d(padded, torch.from_numpy(weight), stride=(2, 1), dilation=(1, 2), groups=2)
    outputs = expected.permute(0, 2, 3, 1).reshape(-1, 6).numpy()
    for row in results[:50]:
        assert np.abs(outputs - row).max(axis=1).min() < 1e-4


def test_batch_norm_is_folded_into_the_convolution() -> None:
    text = "{netspec: 1, inputs: {x: [3, 8, 8]}, layers: [{conv: {out_channels: 5, kernel_size: 3}}, batch_norm, relu]}"
    graph = compile_source(Source("net.yaml", text)).graph
    module = build(graph).train()
    for _ in range(5):
        module(torch.randn(16, 3, 8, 8) * 3 + 1)
    state = {key: tensor.numpy() for key, tensor in module.state_dict().items()}
    model, folded = lower(graph, state), lower(graph, state)
    fold_batch_norm(folded)
    assert [node.op_type for node in folded.graph.node] == ["Conv", "Relu"]
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    np.testing.assert_allclose(run(folded, x=x), run(model, x=x), atol=1e-5)


NET = """
netspec: 1
inputs: {x: [8, 12, 12]}
layers:
  - {name: c1, conv: {out_channels: 16, kernel_size: 3, padding: 1, bias: false}}
  - {name: b1, batch_norm}
  - relu
  - {name: c2, conv: {out_channels: 16, kernel_size: 3, padding: 1, groups: 4}}
  - {name: sum, add, from: [c2, 2]}
  - relu
  - max_pool: 2
  - adaptive_avg_pool: 1
  - flatten
  - {name: fc, linear: 10}
"""


def test_products_sums_and_pools_run_on_integers(tmp_path: Path) -> None:
    model = lowered(NET)
    x = np.random.default_rng(0).standard_normal((64, 8, 12, 12)).astype(np.float32)
    found = quantize(model, [{"x": x[:32]}, {"x": x[32:]}])
    onnx.checker.check_model(found, full_check=True)
    ops = optimized(found, tmp_path)
    assert {"QLinearConv": 2, "QLinearAdd": 1, "QGemm": 1, "QLinearGlobalAveragePool": 1}.items() <= dict(ops).items()
    assert not {"Conv", "Gemm", "Add", "Relu"} & set(ops)
    before, after = run(model, x=x), run(found, x=x)
    assert np.abs(after - before).max() < 0.05 * np.abs(before).max()
    assert [each.name for each in found.graph.output] == ["fc"] and after.dtype == np.float32
    weights = [numpy_helper.to_array(each) for each in found.graph.initializer if each.data_type == TensorProto.INT8]
    assert all(np.abs(each.astype(int)).max() <= MOST for each in weights)
    assert "c1.weight" not in {each.name for each in found.graph.initializer}


def test_equal_data_give_equal_bytes() -> None:
    x = {"x": np.random.default_rng(0).standard_normal((16, 8, 12, 12)).astype(np.float32)}
    one, other = (quantize(lowered(NET), [x]).SerializeToString(deterministic=True) for _ in range(2))
    assert one == other


def test_the_model_that_is_given_stays(tmp_path: Path) -> None:
    model = lowered(NET)
    before = model.SerializeToString(deterministic=True)
    quantize(model, [{"x": np.ones((4, 8, 12, 12), np.float32)}])
    assert model.SerializeToString(deterministic=True) == before


def test_a_mean_shift_goes_into_the_bias() -> None:
    """Inputs far from zero: what rounding the weights adds to the mean of each output is taken away again."""
    text = "{netspec: 1, inputs: {x: [64]}, layers: [{linear: 8}, relu, {linear: 4}]}"
    model = lowered(text)
    x = np.random.default_rng(0).normal(3.0, 0.3, (4000, 64)).astype(np.float32)
    found = quantize(model, [{"x": x}])
    before, after = run(model, x=x), run(found, x=x)
    assert np.abs((after - before).mean(axis=0)).max() < 0.01 * before.std()


def test_the_convolution_of_an_image_stays_in_float(tmp_path: Path) -> None:
    def ops(channels: int) -> Counter[str]:
        conv = "{conv: {out_channels: 4, kernel_size: 3}}, relu"
        layers = f"[{conv}, {conv}, flatten, {{linear: 3}}]"
        model = lowered(f"{{netspec: 1, inputs: {{x: [{channels}, 8, 8]}}, layers: {layers}}}")
        x = np.random.default_rng(0).standard_normal((8, channels, 8, 8)).astype(np.float32)
        return optimized(quantize(model, [{"x": x}]), tmp_path)

    assert [ops(channels)["QLinearConv"] for channels in (1, 3, 4, 5)] == [1, 1, 1, 2]


def test_values_that_nothing_varies_and_networks_without_products() -> None:
    x = np.zeros((4, 8, 12, 12), np.float32)
    found = run(quantize(lowered(NET), [{"x": x}]), x=x)
    assert np.isfinite(found).all()
    model = lowered("{netspec: 1, inputs: {x: [5]}, layers: [relu, softmax]}")
    y = np.random.default_rng(0).standard_normal((3, 5)).astype(np.float32)
    np.testing.assert_array_equal(run(quantize(model, [{"x": y}]), x=y), run(model, x=y))


def test_the_lectures_convnet_keeps_its_answers() -> None:
    graph = load("mnist_convnet").graph
    torch.manual_seed(1)
    model = lower(graph, {key: each.numpy() for key, each in build(graph).state_dict().items()})
    x = np.random.default_rng(0).random((200, 1, 28, 28), dtype=np.float32)
    before, after = run(model, image=x), run(quantize(model, [{"image": x[:100]}]), image=x)
    assert np.abs(after - before).max() < 0.06 * np.abs(before).max()
