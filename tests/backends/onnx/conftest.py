"""Graphs made by hand, and the state of a module of the same layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from netspec.ir import Graph, Node, TensorType, Value
from netspec.ir.verify import verify
from netspec.ops.base import Op

Chain = Callable[..., Graph]


class Builder:
    """Adds nodes one by one."""

    def __init__(self, **inputs: TensorType | tuple[int, ...]) -> None:
        types = {name: t if isinstance(t, TensorType) else TensorType(t) for name, t in inputs.items()}
        self.inputs = tuple(Value(name, type) for name, type in types.items())
        self.nodes: list[Node] = []

    def add(self, path: str, op: Op, *inputs: Value) -> Value:
        """A node; it reads the one before it unless told otherwise."""
        inputs = inputs or ((self.nodes[-1].outputs if self.nodes else self.inputs)[0],)
        value = Value(path, op.infer_all(*(each.type for each in inputs))[0])
        self.nodes.append(Node(path, op, inputs, (value,)))
        return value

    def graph(self, *outputs: Value, names: tuple[str, ...] = ()) -> Graph:
        """The graph, verified; its output is the last value unless told otherwise."""
        outputs = outputs or self.nodes[-1].outputs
        names = names or tuple(value.name for value in outputs)
        graph = Graph("net", self.inputs, tuple(self.nodes), outputs, names)
        verify(graph)
        return graph


@pytest.fixture
def build() -> type[Builder]:
    """Makes graphs by hand."""
    return Builder


@pytest.fixture
def random_state() -> Callable[[Graph], dict[str, np.ndarray]]:
    """Parameters for a graph, drawn anew."""

    def draw(graph: Graph) -> dict[str, np.ndarray]:
        return dict(_draw(graph, np.random.default_rng(0)))

    return draw


def _draw(graph: Graph, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    for node in graph.walk():
        assert isinstance(node.op, Op)
        for name, param in node.op.params(*(value.type for value in node.inputs)).items():
            # Positive, since a running variance is; and no scale is one, no shift zero.
            yield f"{node.path}.{name}", np.asarray(rng.random(param.shape) + 0.25).astype(param.dtype)


@pytest.fixture
def run() -> Callable[..., list[np.ndarray]]:
    """Checks a model and runs it."""

    def check_and_run(model: onnx.ModelProto, **feed: np.ndarray) -> list[np.ndarray]:
        onnx.checker.check_model(model, full_check=True)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        found: list[np.ndarray] = session.run(None, feed)
        return found

    return check_and_run


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)
