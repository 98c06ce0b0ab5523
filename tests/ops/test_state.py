"""Values that read nothing: their keys, what they start at, their text, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from netspec.backends.onnx import lower
from netspec.backends.onnx.sessions import session
from netspec.backends.torch import build, emit
from netspec.ir import DType, Graph, Node, TensorType, Value
from netspec.ir.verify import verify
from netspec.ops.base import Op, OpError
from netspec.ops.combine import Add, Concat

Parse = Callable[[str], Op]


def network(stored: Op, name: str, join: Op) -> Graph:
    """x and a value of the network's own, joined."""
    x = Value("x", TensorType((2, 3)))
    own = Value(name, stored.infer_all()[0])
    y = Value("y", join.infer_all(own.type, x.type)[0])
    graph = Graph("net", (x,), (Node(name, stored, (), (own,)), Node("y", join, (own, x), (y,))), (y,), ("y",))
    verify(graph)
    return graph


@pytest.mark.parametrize(
    ("layer", "name", "text", "shape"),
    [
        ("param: [2, 3]", "pos", "self.pos = nn.Parameter(torch.zeros(2, 3))", (2, 3)),
        ("param: {shape: [2, 3], batched: true}", "pos", "self.pos = nn.Parameter(torch.zeros(1, 2, 3))", (1, 2, 3)),
        ("param: [3]", "0", 'self.register_parameter("0", nn.Parameter(torch.zeros(3)))', (3,)),
        ("buffer: {value: [1, 2, 4]}", "table", 'self.register_buffer("table", torch.tensor([1.0, 2.0, 4.0]))', (3,)),
        ("buffer: {shape: [3], value: 0.5}", "0", 'self.register_buffer("0", torch.full((3,), 0.5))', (3,)),
    ],
)
def test_the_key_is_the_path(parse: Parse, layer: str, name: str, text: str, shape: tuple[int, ...]) -> None:
    graph = network(parse(layer), name, Add())
    module = build(graph)
    assert text.replace('"', "'") in emit(graph).replace('"', "'")
    assert {key: tuple(tensor.shape) for key, tensor in module.state_dict().items()} == {name: shape}
    assert [key for key, _ in module.named_parameters()] == ([name] if layer.startswith("param") else [])


@pytest.mark.parametrize("layer", ["param: [3]", "param: {shape: [2, 3], batched: true}", "buffer: {value: [1, 2, 3]}"])
def test_it_is_the_same_for_every_sample_in_both_backends(parse: Parse, layer: str) -> None:
    graph = network(parse(layer), "own", Add())
    module = build(graph)
    with torch.no_grad():
        module.state_dict()["own"].normal_()
    x = torch.randn(4, 2, 3)
    wanted = x + module.state_dict()["own"]
    assert torch.equal(module(x), wanted)
    state = {key: tensor.numpy() for key, tensor in module.state_dict().items()}
    [found] = session(lower(graph, state).SerializeToString()).run(None, {"x": x.numpy()})
    np.testing.assert_array_equal(found, wanted.detach().numpy())


def test_a_class_token_before_a_sequence(parse: Parse) -> None:
    """As in ViT: [1, E] beside [T, E] along the first axis, for every sample."""
    graph = network(parse("param: [1, 3]"), "class_token", Concat())
    module, x = build(graph), torch.randn(5, 2, 3)
    assert module(x).shape == (5, 3, 3) and torch.equal(module(x)[:, 1:], x)


def test_a_parameter_may_be_an_output(parse: Parse) -> None:
    own = Value("own", parse("param: [2]").infer_all()[0])
    graph = Graph("net", (), (Node("own", parse("param: [2]"), (), (own,)),), (own,), ("own",))
    model = lower(graph, {"own": np.asarray([1, 2], dtype=np.float32)})
    [found] = session(model.SerializeToString()).run(["own"], {})
    assert found.tolist() == [[1, 2]]


def test_a_constant_is_not_in_the_state_dict(parse: Parse, trial: Callable[..., Any]) -> None:
    case = trial(parse("constant: {value: [[1, 2], [3, 4]], dtype: int64}"))
    assert not case.module.state_dict()
    assert case.torch([]).tolist() == [[[1, 2], [3, 4]]] and case.torch([]).dtype == torch.int64
    assert case.graph.outputs[0].type == TensorType((2, 2), DType.INT64, batched=False)


@pytest.mark.parametrize(
    ("layer", "message", "attr"),
    [
        ("constant: {value: [1, 2], shape: [3]}", "the values are [2], but shape is [3]", "value"),
        (
            "constant: {value: [1, 2.5], dtype: int64}",
            "int64 values must be whole numbers of at most 2,147,483,647",
            "value",
        ),
        ("buffer: {value: [1, 2], shape: [1, 2]}", "the values are [2], but shape is [1, 2]", "value"),
    ],
)
def test_refusals(parse: Parse, layer: str, message: str, attr: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer()
    assert (str(caught.value), caught.value.attr) == (message, attr)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("constant: [[1, 2], [3]]", "expected a number, or equally long lists of numbers"),
        ("constant: []", "expected a number, or equally long lists of numbers"),
        ("constant: [[[[[[[1]]]]]]]", "expected a number, or equally long lists of numbers"),
        ("constant: [a]", "expected a number, or equally long lists of numbers"),
        (f"constant: [{'0, ' * 4096}0]", "expected at most 4,096 numbers"),
    ],
)
def test_values_that_are_no_tensor(parse: Parse, layer: str, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        parse(layer)
    [error] = caught.value.errors()
    assert error["msg"] == message
