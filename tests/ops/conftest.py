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

#: Ops whose input holds indices below an attribute.
INDICES = {"embedding": "num_embeddings", "one_hot": "num_classes"}
#: Ops that are defined on positive numbers.
POSITIVE = {"log", "sqrt", "pow"}


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
        return module.eval().requires_grad_(False)

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
        """Random inputs; what is the same for every sample has a batch of size 1."""
        return [self._random((batch if each.batched else 1, *each.shape), each) for each in self.types]

    def _random(self, shape: tuple[int, ...], type: TensorType) -> torch.Tensor:
        dtype = getattr(torch, type.dtype)
        if type.below is not None:
            return torch.randint(type.below, shape, dtype=dtype)
        if self.op.name in INDICES:
            return torch.randint(getattr(self.op, INDICES[self.op.name]), shape, dtype=dtype)
        if not dtype.is_floating_point:
            low, high = {torch.uint8: (0, 256), torch.bool: (0, 2)}.get(dtype, (-5, 5))
            return torch.randint(low, high, shape, dtype=dtype)
        return torch.rand(shape, dtype=dtype) + 0.1 if self.op.name in POSITIVE else torch.randn(shape, dtype=dtype)

    def expected_shape(self, batch: int, output: int = 0) -> tuple[int, ...]:
        """The shape that the types promise."""
        type = self.graph.outputs[output].type
        return (batch if type.batched else 1, *type.shape)

    def all_outputs(self, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
        """The module's outputs."""
        with torch.no_grad():
            outputs = self.module(*inputs)
        return outputs if isinstance(outputs, tuple) else (outputs,)

    def torch(self, inputs: list[torch.Tensor]) -> torch.Tensor:
        """The module's first output."""
        return self.all_outputs(inputs)[0]

    def drawn(self, batch: int) -> dict[str, np.ndarray[Any, Any]]:
        """What the op draws from torch's generator seeded with `batch`: an input of the ONNX model."""
        if self.op.draws is None:
            return {}
        torch.manual_seed(batch)
        draw = {"normal": torch.randn, "uniform": torch.rand}[self.op.draws]
        return {"layer": draw(batch, *self.types[0].shape).numpy()}

    def assert_onnx_agrees(self, batch: int) -> None:
        """ONNX Runtime computes what PyTorch computes, and gives the inferred shape. What is drawn is handed in."""
        inputs = self.inputs(batch)
        torch.manual_seed(batch)
        every = self.all_outputs([each.clone() for each in inputs])
        feed = {f"x{i}": each.numpy() for i, each in enumerate(inputs)} | self.drawn(batch)
        for i, (found, tensor) in enumerate(zip(self.session.run(None, feed), every, strict=True)):
            expected = tensor.numpy()
            assert found.shape == expected.shape == self.expected_shape(batch, i) and found.dtype == expected.dtype
            scale = np.abs(expected[np.isfinite(expected)]).max(initial=0)
            np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 + 1e-4 * scale)


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
