"""Layers that are called again, and parameters that are another layer's, against modules written by hand."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional as F

from netspec.backends.onnx import lower
from netspec.backends.onnx.sessions import session
from netspec.backends.torch import build, emit
from netspec.ir import Graph, Tie
from netspec.ops.activation import Relu
from netspec.ops.base import Op
from netspec.ops.combine import Add, Concat
from netspec.ops.linear import Linear
from netspec.ops.local import LocallyConnected
from netspec.ops.shape import Flatten, Reshape
from netspec.ops.window_attention import ShiftedWindowAttention
from tests.backends.torch.graphs import Naive, Net
from tests.backends.torch.printed import assert_harmless


def agree(graph: Graph, *inputs: torch.Tensor) -> nn.Module:
    """The built module, which computes what the graph says, has its keys, and prints only what is allowed."""
    assert_harmless(emit(graph))
    module, naive = build(graph), Naive(graph)
    assert [*module.state_dict()] == naive.keys()
    naive.load(module.state_dict())
    outputs = module(*inputs)
    for found, wanted in zip(outputs if isinstance(outputs, tuple) else (outputs,), naive(*inputs), strict=True):
        assert torch.equal(found, wanted)
    return module


def test_a_layer_called_again_is_constructed_once() -> None:
    net = Net((4,))
    net.add("fc", Linear(out_features=4))
    net.add("relu", Relu())
    net.add("again", Linear(out_features=4), owner="fc")
    module = agree(net.graph(), x := torch.randn(2, 4))
    assert [*module.state_dict()] == ["fc.weight", "fc.bias"]
    assert torch.equal(module(x), module.fc(module.fc(x).relu()))


def test_a_call_may_stand_above_its_layer() -> None:
    net = Net((4,))
    net.add("first", Linear(out_features=4), owner="fc")
    net.add("fc", Linear(out_features=4))
    module = agree(net.graph(), x := torch.randn(2, 4))
    assert torch.equal(module(x), module.fc(module.fc(x)))


def test_a_layer_inside_a_group_is_called_by_its_dotted_path() -> None:
    net = Net((4,))
    net.region("encoder", lambda inner: [inner.add("conv1", Linear(out_features=4)), inner.add("act", Relu())])
    net.add("again", Linear(out_features=4), owner="encoder.conv1")
    graph = net.graph()
    assert "again = self.encoder.conv1(x)" in emit(graph) or "x = self.encoder.conv1(x)" in emit(graph)
    agree(graph, torch.randn(2, 4))


def test_a_layer_inside_a_chain_without_names_is_called_too() -> None:
    net = Net((4,))
    net.region("encoder", lambda inner: [inner.add("0", Linear(out_features=4)), inner.add("1", Relu())])
    net.add("again", Linear(out_features=4), owner="encoder.0")
    assert 'self.get_submodule("encoder.0")' in emit(net.graph())
    agree(net.graph(), torch.randn(2, 4))


def test_a_group_that_calls_a_layer_around_it_stands_in_the_class_around_it() -> None:
    def decoder(inner: Net) -> None:
        inner.add("a", Linear(out_features=4))
        inner.add("b", Linear(out_features=4), owner="fc")
        inner.region("deep", lambda deep: [deep.add("0", Relu()), deep.add("1", Linear(out_features=4), owner="fc")])

    net = Net((4,))
    net.add("fc", Linear(out_features=4))
    net.region("decoder", decoder)
    module = agree(net.graph(), x := torch.randn(2, 4))
    assert [*module.state_dict()] == ["fc.weight", "fc.bias", "decoder.a.weight", "decoder.a.bias"]
    a = module.get_submodule("decoder.a")
    assert torch.equal(module(x), module.fc(module.fc(a(module.fc(x))).relu()))


def test_a_group_called_again_is_one_module() -> None:
    def twice(net: Net, name: str, owner: str | None) -> None:
        def fill(inner: Net) -> None:
            start = inner.inputs[0]
            inner.add("fc", Linear(out_features=4), owner=owner and f"{owner}.fc")
            inner.add("sum", Add(), inner.last, start)  # type: ignore[arg-type]

        net.region(name, fill, owner=owner)

    net = Net((4,))
    twice(net, "block", None)
    twice(net, "again", "block")
    graph = net.graph()
    assert emit(graph).count("class ") == 2 and emit(graph).count("self.block(") == 2
    agree(graph, torch.randn(2, 4))


def test_a_second_call_on_other_sizes_is_written_out_where_the_code_holds_sizes() -> None:
    """The same `linear` on 3 x 8 and on 2 x 8, and a reshape whose sizes differ."""

    def fill(owner: str | None, rows: int) -> object:
        def inside(inner: Net) -> None:
            inner.add("fc", Linear(out_features=6), owner=owner and "block.fc")
            inner.add("flat", Reshape(shape=[rows * 6]))

        return inside

    net = Net((3, 8), (2, 8))
    one = net.region("block", fill(None, 3), net.inputs[0])  # type: ignore[arg-type]
    two = net.region("again", fill("block", 2), net.inputs[1], owner="block")  # type: ignore[arg-type]
    net.add("both", Concat(), one, two)
    module = agree(net.graph(), torch.randn(2, 3, 8), torch.randn(2, 2, 8))
    assert [*module.state_dict()] == ["block.fc.weight", "block.fc.bias"]


def test_a_tied_parameter_is_one_parameter_under_two_keys() -> None:
    net = Net((4,))
    net.add("embed", Linear(out_features=4))
    net.region("head", lambda inner: [inner.add("norm", Relu()), inner.add("fc", Linear(out_features=4))], net.last)
    inside = net.nodes[-1].body.nodes[1]  # type: ignore[union-attr]
    object.__setattr__(inside, "ties", {"weight": Tie("embed.weight")})
    graph = net.graph()
    assert "        self.head.fc.weight = self.embed.weight" in emit(graph).splitlines()
    module = agree(graph, torch.randn(2, 4))
    assert [*module.state_dict()] == ["embed.weight", "embed.bias", "head.fc.weight", "head.fc.bias"]
    assert [name for name, _ in module.named_parameters()] == ["embed.weight", "embed.bias", "head.fc.bias"]


def test_a_tie_within_a_block_is_made_by_the_block() -> None:
    def fill(place: str) -> object:
        def inside(inner: Net) -> None:
            inner.add("a", Linear(out_features=4))
            inner.add("b", Linear(out_features=4), ties={"weight": Tie(f"{place}.a.weight")})

        return inside

    net = Net((4,))
    for place in ("one", "two"):
        net.region(place, fill(place), definition="pair")  # type: ignore[arg-type]
    graph = net.graph()
    assert emit(graph).count("self.b.weight = self.a.weight") == 1
    module = agree(graph, torch.randn(2, 4))
    assert module.one.b.weight is module.one.a.weight and module.one.a.weight is not module.two.a.weight


class AutoEncoder(nn.Module):
    """Tied, transposed weights as people write them."""

    def __init__(self) -> None:
        super().__init__()
        self.enc1 = nn.Linear(4, 3)
        self.dec1 = nn.Linear(3, 4)
        del self.dec1.weight

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.linear(self.enc1(x).relu(), self.enc1.weight.T, self.dec1.bias)


def test_a_transposed_tie_is_as_written_by_hand_and_learns_as_it_does() -> None:
    net = Net((4,))
    net.add("enc1", Linear(out_features=3))
    net.add("relu", Relu())
    net.add("dec1", Linear(out_features=4), ties={"weight": Tie("enc1.weight", transpose=True)})
    graph = net.graph()
    module, by_hand = agree(graph, x := torch.randn(5, 4)), AutoEncoder()
    assert [*module.state_dict()] == ["enc1.weight", "enc1.bias", "dec1.bias"]
    by_hand.load_state_dict(module.state_dict())
    for each in (module, by_hand):
        (each(x) - x).square().sum().backward()
    for found, wanted in zip(module.parameters(), by_hand.parameters(), strict=True):
        assert torch.equal(found.grad, wanted.grad)  # type: ignore[arg-type]
    model = lower(graph, {key: value.numpy() for key, value in module.state_dict().items()})
    [computed] = session(model.SerializeToString()).run(None, {"image": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(computed), module(x).detach())


def test_a_transposed_tie_into_a_group_around_it() -> None:
    def decoder(inner: Net) -> None:
        inner.add("0", Linear(out_features=4), ties={"weight": Tie("encoder.fc.weight", transpose=True)})
        inner.add("1", Relu())

    net = Net((4,))
    net.region("encoder", lambda inner: [inner.add("fc", Linear(out_features=3)), inner.add("act", Relu())])
    net.region("decoder", decoder)
    module = agree(net.graph(), torch.randn(5, 4))
    assert [*module.state_dict()] == ["encoder.fc.weight", "encoder.fc.bias", "decoder.0.bias"]


def transposed(op: Op, name: str, shape: tuple[int, ...], source: tuple[int, ...]) -> None:
    """A parameter of a layer that is a linear map's, transposed: the layer computes what it does with its own copy."""
    net = Net(shape)
    net.add("first", op)
    start = net.add("flat", Flatten(), net.inputs[0])
    net.add("one", Linear(out_features=source[1], bias=False), start)
    net.add("two", Linear(out_features=source[0], bias=False))
    net.add("last", op, net.inputs[0], ties={name: Tie("two.weight", transpose=True)})
    graph = net.graph()
    assert_harmless(emit(graph))
    module, plain = build(graph), build(replace(graph, nodes=graph.nodes[:1], outputs=graph.nodes[0].outputs))
    state = module.state_dict()
    own = {key.removeprefix("last."): each for key, each in state.items() if key.startswith("last.")}
    assert name not in own
    plain.load_state_dict({f"first.{key}": each for key, each in {**own, name: state["two.weight"].T}.items()})
    x = torch.randn(2, *shape)
    torch.testing.assert_close(module(x), plain(x))
    model = lower(graph, {key: value.numpy() for key, value in state.items()})
    [computed] = session(model.SerializeToString()).run(None, {"image": x.numpy()})
    torch.testing.assert_close(torch.from_numpy(computed), plain(x).detach(), rtol=1e-4, atol=1e-5)


def test_a_transposed_tie_of_a_parameter_that_the_op_reads_itself() -> None:
    transposed(LocallyConnected(out_channels=2, kernel_size=2), "weight", (1, 4), (2, 6))


def test_a_transposed_tie_of_a_parameter_inside_of_a_module() -> None:
    op = ShiftedWindowAttention(window_size=2, num_heads=1)
    for name in ("proj.weight", "relative_position_bias_table"):
        transposed(op, name, (2, 2, 3), {"proj.weight": (3, 3)}.get(name, (1, 9)))


def test_values_that_an_op_names_are_computed_once_and_before() -> None:
    net = Net((3, 3, 4))
    op = ShiftedWindowAttention(window_size=2, shift_size=1, num_heads=2)
    net.add("first", op)
    net.add("second", op)
    text = emit(net.graph())
    for word in ("qkv = ", "qkv_2 = ", "around = ", "around_2 = "):
        assert text.count(f" {word}") == 1
    assert ":=" not in text and max(map(len, text.splitlines())) <= 120
