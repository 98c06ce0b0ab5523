"""One op alone in a graph, through both backends."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from netspec.diagnostics import Source
from netspec.ir import Graph, Node, TensorType, Value
from netspec.ir.verify import verify
from netspec.lang.nodes import Mapping, Scalar, is_null, plain
from netspec.lang.reader import read
from netspec.ops.base import Op
from netspec.ops.registry import lookup


def parse_layer(text: str) -> Op:
    """The op that a layer's text means: `relu`, `linear: 8` or `conv: {out_channels: 4, kernel_size: 3}`."""
    node = read(Source("<example>", text))
    if isinstance(node, Scalar):
        return _found(node.text).model_validate({})
    assert isinstance(node, Mapping), "an example is a word or a mapping of one key"
    [(key, argument)] = list(node)
    kind = _found(key.text)
    if is_null(argument):
        return kind.model_validate({})
    value = plain(argument)
    return kind.model_validate(value if isinstance(value, dict) else {kind.main(): value})


def _found(name: str) -> type[Op]:
    op = lookup(name)
    assert op is not None, f"no op is called {name}"
    return op


class Trial:
    """An op on inputs of given types: its graph, its module, its ONNX model."""

    def __init__(self, op: Op, types: tuple[TensorType, ...]) -> None:
        self.op, self.types = op, types
        inputs = tuple(Value(f"x{i}", each) for i, each in enumerate(types))
        outputs = tuple(Value(f"y{i}", each) for i, each in enumerate(op.infer_all(*types)))
        node = Node("layer", op, inputs, outputs)
        self.graph = Graph("trial", inputs, (node,), outputs, tuple(value.name for value in outputs))
        verify(self.graph)

    @cached_property
    def module(self) -> torch.nn.Module:
        """The built module, its tensors drawn anew, so that no scale is one and no shift zero."""
        from netspec.backends.torch import build

        module = build(self.graph)
        for name, tensor in module.state_dict().items():
            if tensor.dtype.is_floating_point:
                values = torch.rand_like(tensor) if name.endswith("running_var") else torch.randn_like(tensor)
                tensor.copy_(values + 0.5)
        return module.eval()

    @cached_property
    def onnx(self) -> onnx.ModelProto:
        """The lowered model."""
        from netspec.backends.onnx import lower

        return lower(self.graph, {name: tensor.numpy() for name, tensor in self.module.state_dict().items()})

    @cached_property
    def session(self) -> onnxruntime.InferenceSession:
        """ONNX Runtime on that model."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(self.onnx.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def inputs(self, batch: int) -> list[torch.Tensor]:
        """Random inputs."""
        return [_random((batch, *each.shape), getattr(torch, each.dtype)) for each in self.types]

    def torch(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """The module's output."""
        with torch.no_grad():
            output: torch.Tensor = self.module(*inputs)
        return output

    def assert_onnx_agrees(self, batch: int) -> None:
        """ONNX Runtime computes what PyTorch computes, and gives the inferred shape."""
        inputs = self.inputs(batch)
        expected = self.torch([each.clone() for each in inputs]).numpy()
        feed = {f"x{i}": each.numpy() for i, each in enumerate(inputs)}
        [found] = self.session.run(["y0"], feed)
        assert found.shape == expected.shape and found.dtype == expected.dtype
        scale = np.abs(expected[np.isfinite(expected)]).max(initial=0.0)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 + 1e-4 * scale)


def _random(shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
    return torch.randn(shape, dtype=dtype) if dtype.is_floating_point else torch.randint(-5, 5, shape, dtype=dtype)


@pytest.fixture(scope="session")
def parse() -> Callable[[str], Op]:
    """The op that a layer's text means."""
    return parse_layer


@pytest.fixture(scope="session")
def trial() -> Callable[..., Any]:
    """Makes a Trial from an op and the types (or shapes) of its inputs."""

    def make(op: Op, *inputs: TensorType | tuple[int, ...]) -> Trial:
        types = tuple(each if isinstance(each, TensorType) else TensorType(each) for each in inputs)
        return Trial(op, types)

    return make


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)
