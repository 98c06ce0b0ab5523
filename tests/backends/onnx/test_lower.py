"""Lowering: names, values, wiring. The truth is PyTorch's own layers, run beside ONNX Runtime."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import onnx
import pytest
import torch

import netspec
from netspec.backends.onnx import lower
from netspec.compiler import compile_source
from netspec.diagnostics import ModelError, Source
from netspec.ir import DType, Graph, TensorType
from netspec.ops.activation import Mish, Relu
from netspec.ops.combine import Add
from netspec.ops.conv import Conv
from netspec.ops.linear import Linear
from netspec.ops.norm import BatchNorm
from netspec.ops.pool import MaxPool
from netspec.ops.regularize import Dropout
from netspec.ops.shape import Flatten

CONVNET = """\
netspec: 1
inputs: {image: [1, 8, 8]}
layers:
  - name: body
    sequence:
      - {name: conv, conv: {out_channels: 3, kernel_size: 3}}
      - name: deep
        sequence: [batch_norm, relu]
      - {name: twice, add, from: [deep, deep]}
  - flatten
  - {name: fc, linear: 4}
"""


def spec(text: str) -> Graph:
    return compile_source(Source("<test>", text)).graph


def convnet(build: Any) -> Graph:
    net = build(image=(1, 8, 8))
    net.add("conv", Conv(out_channels=3, kernel_size=3))
    net.add("bn", BatchNorm())
    net.add("act", Relu())
    net.add("pool", MaxPool(kernel_size=2))
    net.add("drop", Dropout())
    net.add("flat", Flatten())
    net.add("fc", Linear(out_features=4))
    graph: Graph = net.graph()
    return graph


def module() -> torch.nn.Module:
    nn = torch.nn
    layers = {"conv": nn.Conv2d(1, 3, 3), "bn": nn.BatchNorm2d(3), "act": nn.ReLU(), "pool": nn.MaxPool2d(2)}
    net = nn.Sequential()
    for name, layer in (layers | {"drop": nn.Dropout(), "flat": nn.Flatten(), "fc": nn.Linear(27, 4)}).items():
        net.add_module(name, layer)
    return net.eval()


def test_convnet_computes_what_torch_computes(build: Any, random_state: Any, run: Any) -> None:
    graph, net = convnet(build), module()
    state = random_state(graph)
    net.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()}, strict=False)
    model = lower(graph, state)
    for batch in (1, 2, 7):
        x = torch.randn(batch, 1, 8, 8)
        [found] = run(model, image=x.numpy())
        np.testing.assert_allclose(found, net(x).detach().numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("ignore")  # of the peer's exporter
def test_torchs_exporter_writes_the_same_function(build: Any, random_state: Any, run: Any, tmp_path: Any) -> None:
    graph, net = convnet(build), module()
    state = random_state(graph)
    net.load_state_dict({key: torch.from_numpy(value) for key, value in state.items()}, strict=False)
    path = tmp_path / "oracle.onnx"
    torch.onnx.export(net, (torch.zeros(2, 1, 8, 8),), path, input_names=["image"], dynamo=False)
    x = np.random.default_rng(1).standard_normal((2, 1, 8, 8), np.float32)
    [found], [expected] = run(lower(graph, state), image=x), run(onnx.load(path), image=x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_names_are_the_specs(random_state: Any, run: Any) -> None:
    graph = spec(CONVNET)
    model = lower(graph, random_state(graph))
    assert [node.name for node in model.graph.node] == [
        "body.conv", "body.deep.0", "body.deep.1", "body.twice", "1", "fc",
    ]  # fmt: skip
    assert [node.output[0] for node in model.graph.node] == [node.name for node in model.graph.node]
    assert {each.name for each in model.graph.initializer} >= {
        "body.conv.weight",
        "body.deep.0.running_mean",
        "fc.bias",
    }
    [image], [output] = model.graph.input, model.graph.output
    assert (image.name, output.name) == ("image", "fc")
    assert image.type.tensor_type.shape.dim[0].dim_param == output.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [axis.dim_value for axis in image.type.tensor_type.shape.dim] == [0, 1, 8, 8]
    [found] = run(model, image=np.ones((3, 1, 8, 8), np.float32))
    assert found.shape == (3, 4)


def test_operators_within_a_layer_are_named_below_it(build: Any, random_state: Any) -> None:
    net = build(x=(5, 3))
    net.add("fc", Linear(out_features=2))
    graph = net.graph()
    model = lower(graph, random_state(graph))
    assert [node.name for node in model.graph.node] == ["fc/Transpose_0", "fc/MatMul_1", "fc"]
    assert model.graph.node[1].input[1] == "fc/Transpose_0"


def test_batch_free_of_counters(build: Any, random_state: Any) -> None:
    graph = convnet(build)
    stored = {each.name for each in lower(graph, random_state(graph)).graph.initializer}
    assert "bn.num_batches_tracked" in random_state(graph) and "bn.num_batches_tracked" not in stored


def test_same_input_same_bytes(build: Any, random_state: Any) -> None:
    graph = convnet(build)
    state = random_state(graph)
    keys = {"netspec.name": "net", "netspec.version": "1"}
    swapped = dict(reversed(keys.items()))
    first, second = (lower(graph, state, metadata=each).SerializeToString() for each in (keys, swapped))
    assert first == second


def test_metadata_and_versions(build: Any, random_state: Any) -> None:
    graph = convnet(build)
    model = lower(graph, random_state(graph), metadata={"netspec.version": "9.9", "netspec.name": "net"}, opset=18)
    assert {entry.key: entry.value for entry in model.metadata_props} == {
        "netspec.version": "9.9",
        "netspec.name": "net",
    }
    assert (model.ir_version, model.opset_import[0].version, model.producer_version) == (10, 18, netspec.__version__)


def test_input_as_output_and_one_value_twice(build: Any, run: Any) -> None:
    net = build(x=(3,))
    value = net.add("act", Relu())
    graph = net.graph(net.inputs[0], value, value, names=("copy", "act", "again"))
    x = np.array([[-1, 0, 2]], np.float32)
    model = lower(graph, {})
    assert [each.name for each in model.graph.output] == ["copy", "act", "again"]
    copy, act, again = run(model, x=x)
    np.testing.assert_array_equal(copy, x)
    np.testing.assert_array_equal(act, np.maximum(x, 0))
    np.testing.assert_array_equal(again, act)


def test_outputs_may_swap_the_names_of_layers(build: Any, run: Any) -> None:
    net = build(x=(2,))
    first = net.add("a", Relu())
    second = net.add("b", Add(), first, net.inputs[0])
    x = np.array([[-1, 2]], np.float32)
    a, b = run(lower(net.graph(second, first, names=("a", "b")), {}), x=x)
    np.testing.assert_array_equal(a, [[-1, 4]])
    np.testing.assert_array_equal(b, [[0, 2]])


def test_input_passes_through_under_its_own_name(build: Any, run: Any) -> None:
    net = build(x=(2,))
    net.add("a", Relu())
    [found] = run(lower(net.graph(net.inputs[0], names=("x",)), {}), x=np.ones((1, 2), np.float32))
    np.testing.assert_array_equal(found, [[1, 1]])


def test_a_layer_that_hands_on_its_input_keeps_its_name(build: Any, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dropout, "to_onnx", lambda self, g, input, p: input)
    net = build(x=(2,))
    net.add("drop", Dropout())
    model = lower(net.graph(), {})
    assert [(node.op_type, node.name) for node in model.graph.node] == [("Identity", "drop")]


def test_constants_are_shared(random_state: Any) -> None:
    layers = "[relu6, relu6, {unsqueeze: 1}, {unsqueeze: 1}]"
    graph = spec(f"netspec: 1\ninputs: {{x: [2]}}\nlayers: {layers}")
    model = lower(graph, random_state(graph))
    assert [each.name for each in model.graph.initializer] == ["constant/0", "constant/1", "constant/2"]


@pytest.mark.parametrize("dtype", [DType.INT64, DType.FLOAT64, DType.INT32])
def test_element_types(build: Any, run: Any, dtype: DType) -> None:
    net = build(a=TensorType((2,), dtype), b=TensorType((2,), dtype))
    net.add("sum", Add(), *net.inputs)
    x = np.array([[1, 2]], dtype)
    [found] = run(lower(net.graph(), {}), a=x, b=x)
    assert found.dtype == x.dtype and found.tolist() == [[2, 4]]


def test_opset_must_have_the_operator(build: Any) -> None:
    net = build(x=(2,))
    net.add("act", Mish())
    with pytest.raises(ModelError, match=r"act: opset 17 does not have .* Mish") as caught:
        lower(net.graph(), {}, opset=17)
    assert caught.value.diagnostics[0].code == "onnx"
    assert lower(net.graph(), {}, opset=18).graph.node[0].op_type == "Mish"


@pytest.mark.parametrize("opset", [0, 16, 99])
def test_opset_out_of_range(build: Any, opset: int) -> None:
    net = build(x=(2,))
    net.add("act", Relu())
    with pytest.raises(ModelError, match=f"opset {opset} is outside 17 to 22"):
        lower(net.graph(), {}, opset=opset)


def test_state_must_fit(build: Any, random_state: Any) -> None:
    graph = convnet(build)
    state = random_state(graph)
    wrong = {"missing": state | {}, "shape": state | {"fc.bias": np.zeros(5, np.float32)}}
    del wrong["missing"]["conv.weight"]
    with pytest.raises(ModelError, match=r"conv.weight: the state dict has no such"):
        lower(graph, wrong["missing"])
    with pytest.raises(ModelError, match=r"fc.bias: the network has \[4\] float32, the state dict \[5\]"):
        lower(graph, wrong["shape"])
    with pytest.raises(ModelError, match="float64"):
        lower(graph, state | {"fc.bias": np.zeros(4)})


def test_needs_no_torch() -> None:
    code = "import netspec.backends.onnx, sys; assert 'onnx' in sys.modules; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
