"""float16 models: half the bytes, float32 at both ends, and the numbers of the float32 model within its rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto

from netspec.backends.onnx import lower
from netspec.backends.onnx.float16 import to_float16
from netspec.backends.onnx.parity import random_inputs
from netspec.backends.onnx.sessions import session
from netspec.backends.torch import build
from netspec.compiler import compile_source, load
from netspec.compiler.admissible import admissible
from netspec.diagnostics import Source
from netspec.ir import Graph

Array = np.ndarray[Any, Any]


def lowered(graph: Graph) -> onnx.ModelProto:
    torch.manual_seed(0)
    return lower(graph, {key: tensor.numpy() for key, tensor in build(graph).eval().state_dict().items()})


def graph_of(layers: str, inputs: str = "x: [6]") -> Graph:
    return compile_source(Source("net.yaml", f"{{netspec: 1, inputs: {{{inputs}}}, layers: [{layers}]}}")).graph


def types(model: onnx.ModelProto) -> dict[str, int]:
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    return {each.name: each.type.tensor_type.elem_type for each in values}


def both(graph: Graph) -> tuple[list[Array], list[Array], onnx.ModelProto]:
    model = lowered(graph)
    found = to_float16(model)
    onnx.checker.check_model(found, full_check=True)
    inputs = random_inputs(graph, 3, admissible(graph)[0])
    return (
        session(model.SerializeToString()).run(None, inputs),
        session(found.SerializeToString()).run(None, inputs),
        found,
    )


@pytest.mark.parametrize("name", ["mnist_convnet", "resnet20", "unet"])
def test_networks_come_out_within_the_rounding_of_float16(name: str) -> None:
    before, after, model = both(load(name).graph)
    for a, b in zip(after, before, strict=True):
        assert a.dtype == np.float32
        assert np.abs(a - b).max() <= 1e-3 + 1e-2 * np.abs(b).max()
        assert not np.array_equal(a, b)
    stored = [each for each in model.graph.initializer if len(each.dims) > 1]
    assert {each.data_type for each in stored} <= {TensorProto.FLOAT16, TensorProto.INT64}


def test_inputs_and_outputs_stay_float32_and_the_inside_is_float16() -> None:
    model = to_float16(lowered(graph_of("{name: a, linear: 5}, {name: r, relu}, {name: b, linear: 4}")))
    found = types(model)
    assert (found["x"], found["b"]) == (TensorProto.FLOAT, TensorProto.FLOAT)
    assert (found["a"], found["r"]) == (TensorProto.FLOAT16, TensorProto.FLOAT16)


def test_an_output_that_others_read_too() -> None:
    text = "{netspec: 1, inputs: {x: [6]}, layers: [{name: a, linear: 5}, {name: b, linear: 4}], outputs: [a, b]}"
    before, after, _ = both(compile_source(Source("net.yaml", text)).graph)
    for a, b in zip(after, before, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)


def test_a_number_that_float16_cannot_hold_keeps_its_node_in_float32() -> None:
    large = "{name: big, constant: {shape: [6], value: 1e6}}, {name: p, mul, from: [x, big]}, {name: q, calc: p / 1e6}"
    before, after, _ = both(graph_of(large))
    assert np.isfinite(after[0]).all()
    np.testing.assert_allclose(after[0], before[0], rtol=2e-3, atol=1e-6)
    small = "{name: tiny, calc: x * 1e-9}, {name: back, calc: tiny * 1e9}"
    before, after, _ = both(graph_of(small))
    assert np.abs(after[0] - before[0]).max() < 0.1


@pytest.mark.parametrize("layer", ["lstm: 4", "gru: 4", "rnn: 4"])
def test_recurrent_layers_stay_in_float32(layer: str) -> None:
    before, after, model = both(graph_of(f"{{name: a, linear: 6}}, {{{layer}}}, {{linear: 3}}", "x: [5, 6]"))
    np.testing.assert_allclose(after[0], before[0], atol=5e-3)
    inputs = {
        name for node in model.graph.node if node.op_type in ("LSTM", "GRU", "RNN") for name in node.input if name
    }
    found = types(model) | {each.name: each.data_type for each in model.graph.initializer}
    assert {found[name] for name in inputs} <= {TensorProto.FLOAT, TensorProto.INT32, TensorProto.INT64}


def test_integers_are_left_alone() -> None:
    graph = graph_of("{embedding: 4}, {linear: 3}", "tokens: {shape: [7], dtype: int64, below: 9}")
    before, after, _ = both(graph)
    np.testing.assert_allclose(after[0], before[0], atol=5e-3)
