"""What exists in training only: heads and what depends on them, and layers that evaluation passes by."""

from __future__ import annotations

import pytest
import torch

from netspec.backends.onnx import lower
from netspec.backends.onnx.export import export_onnx
from netspec.backends.torch import build, emit
from netspec.compiler.passes import rewrite
from netspec.compiler.passes.deployed import deployed
from netspec.ir import Graph
from netspec.ir.verify import verify
from netspec.ops.activation import Relu
from netspec.ops.combine import Add
from netspec.ops.linear import Linear
from netspec.ops.regularize import Dropout
from tests.backends.torch.graphs import Naive, Net
from tests.backends.torch.printed import assert_harmless


def auxiliary() -> Graph:
    """A trunk with an auxiliary classifier of two layers, as in GoogLeNet."""
    net = Net((4,))
    trunk = net.add("trunk", Linear(out_features=5))
    aux = net.add("aux", Linear(out_features=6), trunk, presence="head")
    loss = net.add("aux2", Linear(out_features=3), aux, presence="head")
    net.last = trunk
    net.add("relu", Relu())
    out = net.add("fc", Linear(out_features=3))
    return net.graph(out, loss)


def inside() -> Graph:
    """The head stands in a group, its value leaves it, and a second group reads that."""
    net = Net((4,))

    def body(inner: Net) -> object:
        a = inner.add("a", Linear(out_features=4))
        h = inner.add("h", Linear(out_features=2), presence="head")
        inner.last = a
        return inner.add("b", Linear(out_features=4)), h

    def after(inner: Net) -> object:
        main, head = inner.inputs
        more = inner.add("more", Linear(out_features=2), head)
        return inner.add("c", Linear(out_features=4), main), more

    net.region("body", body)
    net.region("after", after, *net.outputs())
    return net.graph(*net.outputs())


def noisy() -> Graph:
    net = Net((4,))
    net.add("0", Linear(out_features=4))
    net.add("1", Dropout(p=0.5), presence="pass")
    net.region("2", lambda inner: [inner.add("a", Dropout(p=0.9)), inner.add("b", Relu())], presence="pass")
    net.add("3", Linear(out_features=4))
    return net.graph()


def noisy_inlined() -> Graph:
    """A group that is passed by and calls a layer around it."""

    def fill(inner: Net) -> None:
        start = inner.inputs[0]
        inner.add("a", Linear(out_features=4), owner="fc")
        inner.add("s", Add(), inner.last, start)  # type: ignore[arg-type]

    net = Net((4,))
    net.add("fc", Linear(out_features=4))
    net.region("noise", fill, presence="pass")
    net.add("out", Linear(out_features=4))
    return net.graph()


GRAPHS = {each.__name__: each for each in (auxiliary, inside, noisy, noisy_inlined)}


@pytest.mark.parametrize("name", GRAPHS)
def test_training_and_evaluation_compute_what_the_graph_says(name: str) -> None:
    graph = GRAPHS[name]()
    assert_harmless(emit(graph))
    module, naive = build(graph), Naive(graph)
    naive.load(module.state_dict())
    x = torch.randn(3, 4)
    for training in (True, False):
        module.train(training)
        naive.training = training
        torch.manual_seed(1)
        found = module(x)
        torch.manual_seed(1)
        wanted = [value for value in naive(x) if value is not None]
        found = found if isinstance(found, tuple) else (found,)
        assert len(found) == len(wanted) == (len(graph.outputs) if training else 1)
        assert all(map(torch.equal, found, wanted))


@pytest.mark.parametrize("name", GRAPHS)
def test_the_deployed_network_is_the_evaluated_one(name: str) -> None:
    graph = GRAPHS[name]()
    module, small = build(graph).eval(), deployed(graph)
    verify(small)
    assert len(small.outputs) == len(small.output_names) == 1
    assert small.output_names == graph.output_names[:1]
    alone = build(small).eval()
    alone.load_state_dict({key: module.state_dict()[key] for key in alone.state_dict()})
    x = torch.randn(3, 4)
    assert torch.equal(alone(x), module(x))
    assert deployed(small) is small
    for faster in (rewrite(graph), deployed(rewrite(graph)), rewrite(small)):
        verify(faster)
        other = build(faster).eval()
        other.load_state_dict({key: module.state_dict()[key] for key in other.state_dict()})
        assert torch.equal(other(x), module(x))


@pytest.mark.parametrize("name", GRAPHS)
def test_the_exported_network_is_the_evaluated_one(name: str, tmp_path: object) -> None:
    graph = GRAPHS[name]()
    report = export_onnx(graph, build(graph), f"{tmp_path}/net.onnx")
    assert [each.output for each in report.differences[:1]] == [graph.output_names[0]]
    state = {key: value.numpy() for key, value in build(graph).state_dict().items()}
    assert [each.name for each in lower(graph, state).graph.output] == [graph.output_names[0]]


def test_a_head_is_computed_under_if_training() -> None:
    assert emit(auxiliary()).split("def forward")[1] == (
        "(self, image):\n"
        "        trunk = self.trunk(image)\n"
        "        if self.training:\n"
        "            x = self.aux(trunk)\n"
        "            aux2 = self.aux2(x)\n"
        "        x = self.relu(trunk)\n"
        "        x = self.fc(x)\n"
        "        if self.training:\n"
        "            return x, aux2\n"
        "        return x\n"
    )
