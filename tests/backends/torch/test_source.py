"""Emitted source: what a person would write, runnable on its own, and never more than its allowed nodes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from netspec.backends.torch import build, emit
from netspec.compiler import compile_source, load
from netspec.compiler.admissible import admissible
from netspec.compiler.passes import rewrite
from netspec.diagnostics import Source
from netspec.ir import Graph, Node, TensorType, Tie, Value, evaluate
from netspec.ops.activation import Relu
from netspec.ops.combine import Add
from netspec.ops.linear import Linear
from tests.backends.torch.graphs import Net
from tests.backends.torch.printed import assert_harmless, run
from tests.catalogue import each

HOSTILE = [
    "'", '"', '"""', "'''", "\\", "\n", "\r\n", "\\n", "\t", "\x00", "#", "# noqa", "{", "}", "%s", "{0}",
    "__import__('os')",
    "); import os #", "\"\"\"\nimport os\n\"\"\"", "\u202e", "\u2028", "é", "a" * 300, "class", "self", "torch",
    "nn", "super",
    "0", "-", "a-b", "a.b", "", " ", "x\ny", "\ud7ff", "lambda: 0", "__class__", "getattr",
]  # fmt: skip

DAG = """netspec: 1
name: two_paths
inputs: {image: [3, 8, 8]}
layers:
  - {name: left, sequence: [{name: conv, conv: {out_channels: 4, kernel_size: 3, padding: 1}}, relu]}
  - {name: right, conv: {out_channels: 4, kernel_size: 1}, from: image}
  - {name: sum, add, from: [left, right]}
  - {name: both, concat, from: [sum, left.conv]}
  - flatten
  - {name: fc-1, linear: 5}
outputs: {logits: fc-1, features: sum}
"""


@each()
@pytest.mark.parametrize("form", [lambda graph: graph, rewrite], ids=["plain", "rewritten"])
def test_the_printed_file_computes_what_the_built_module_computes(name: str, form: object) -> None:
    graph = form(load(name).graph)  # type: ignore[operator]
    source = emit(graph)
    assert_harmless(source)
    built, printed = build(graph), run(source)()
    printed.load_state_dict(built.state_dict())
    sizes = admissible(graph)[0]
    shapes = [[evaluate(size, sizes) for size in value.type.shape] for value in graph.inputs]
    inputs = [torch.randn(2, *shape) for shape in shapes]
    torch.manual_seed(0)  # both draw the same noise
    expected = tensors(built(*inputs))
    torch.manual_seed(0)
    found = tensors(printed(*inputs))
    assert len(found) == len(expected) and all(map(torch.equal, found, expected))


def tensors(outputs: object) -> tuple[torch.Tensor, ...]:
    """The outputs of a network, of one or of several."""
    return outputs if isinstance(outputs, tuple) else (outputs,)  # type: ignore[return-value]


def test_equal_seeds_draw_equal_parameters() -> None:
    graph = load("mnist_convnet").graph
    torch.manual_seed(3)
    built = build(graph)
    torch.manual_seed(3)
    printed = run(emit(graph))()
    for (key, a), (other, b) in zip(built.state_dict().items(), printed.state_dict().items(), strict=True):
        assert key == other
        assert torch.equal(a, b)


def test_a_chain_is_a_sequential_as_people_write_it() -> None:
    text = "netspec: 1\nname: tiny\ninputs: {x: [3]}\nlayers: [{linear: 4}, relu, {linear: 2}]"
    assert emit(compile_source(Source("t", text)).graph) == (
        "from torch import nn\n\n\n"
        "class Tiny(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(\n"
        "            nn.Linear(3, 4),  # 4\n"
        "            nn.ReLU(),  # 4\n"
        "            nn.Linear(4, 2),  # 2\n"
        "        )\n"
    )


def test_a_graph_has_a_forward_and_keys_are_the_paths_of_the_file() -> None:
    graph = compile_source(Source("dag.yaml", DAG)).graph
    module = build(graph)
    keys = [key for key in module.state_dict() if key.endswith("weight")]
    assert keys == ["left.conv.weight", "right.weight", "fc-1.weight"]
    x = torch.randn(2, 3, 8, 8)
    logits, features = module(x)
    conv = module.get_submodule("left.conv")(x)
    wanted = torch.relu(conv) + module.right(x)  # type: ignore[operator]
    assert torch.equal(features, wanted)
    assert torch.equal(logits, module.get_submodule("fc-1")(torch.cat([wanted, conv], 1).flatten(1)))


def test_only_what_the_outputs_need_is_run_and_all_is_constructed() -> None:
    whole = compile_source(Source("two_paths.yaml", DAG)).graph
    cut = replace(whole, outputs=whole.outputs[1:], output_names=whole.output_names[1:])
    torch.manual_seed(0)
    features, all_of_it = build(cut), build(whole)
    assert features.state_dict().keys() == all_of_it.state_dict().keys()
    all_of_it.load_state_dict(features.state_dict())
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(features(x), all_of_it(x)[1])
    called: list[str] = []
    for path, layer in features.named_modules():
        layer.register_forward_hook(lambda *_, path=path: called.append(path))
    features(x)
    assert set(called) == {"", "left", "left.conv", "left.1", "right"}


def test_groups_of_equal_structure_share_a_class() -> None:
    block = "sequence: [{name: fc, linear: 4}, relu]"
    text = f"netspec: 1\ninputs: {{x: [4]}}\nlayers:\n  - {{name: a, {block}}}\n  - {{name: b, {block}}}\n"
    source = emit(compile_source(Source("t.yaml", text)).graph)
    assert source.count("class ") == 2


def test_a_group_without_names_is_written_where_it_is_constructed() -> None:
    text = "netspec: 1\nname: t\ninputs: {x: [4]}\nlayers: [{name: a, sequence: [{linear: 3}, relu]}, softmax]"
    assert emit(compile_source(Source("t.yaml", text)).graph) == (
        "from torch import nn\n\n\n"
        "class T(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.a = nn.Sequential(nn.Linear(4, 3), nn.ReLU())  # 3\n"
        '        self.add_module("1", nn.Softmax(dim=1))  # 3\n'
    )


def test_skipped_initialisation_draws_nothing_and_loads_the_same() -> None:
    graph = load("mnist_convnet").graph
    before = torch.random.get_rng_state()
    module = build(graph, initialize=False)
    assert torch.equal(before, torch.random.get_rng_state())
    module.load_state_dict(build(graph).state_dict())


def test_the_module_is_traceable_by_torch_fx() -> None:
    graph = compile_source(Source("dag.yaml", DAG)).graph
    module = build(graph).eval()
    traced = torch.fx.symbolic_trace(module)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(traced(x)[0], module(x)[0])


def hostile_graph(words: random.Random) -> Graph:
    """A graph whose every text is hostile; the language would refuse most, the backend must hold by itself."""

    def word() -> str:
        return "".join(words.choice(HOSTILE) for _ in range(words.randint(1, 3)))

    x = Value(word(), TensorType((4,)))
    op = Linear(out_features=4)
    a, b, c = (Value(word(), TensorType((4,))) for _ in range(3))
    names = [f"{word()}{i}".replace(".", "_") for i in range(3)]
    nodes = (Node(names[0], op, (x,), (a,)), Node(names[1], Relu(), (a,), (b,)), Node(names[2], Add(), (a, b), (c,)))
    return Graph(word(), (x,), nodes[: words.randint(1, 3)], (words.choice([a]),), (word(),))


def hostile_blocks(words: random.Random) -> Graph:
    """Two uses of a block with hostile names, arguments and ports, that calls a layer, ties one, and is passed by."""

    def word() -> str:
        return "".join(words.choice(HOSTILE) for _ in range(words.randint(1, 3))).replace(".", "_")

    block, first, second, argument, port, outer = (f"{word()}{i}" for i, _ in enumerate("abcdef"))
    reads_two = words.random() < 0.5

    def fill(width: int) -> Callable[[Net], object]:
        def inside(net: Net) -> None:
            net.add(first, Linear(out_features=width))
            net.add(second, Linear(out_features=width), presence=words.choice(["always", "pass", "head"]))
            net.region(word() + "r", lambda inner: [inner.add("0", Relu()), inner.add("1", Linear(out_features=4))])
            if reads_two:
                net.add(word() + "c", Add(), *net.inputs)

        return inside

    net = Net((4,), names=(word(),))
    start = net.add(outer, Linear(out_features=4))
    for width in (2, 3):
        ties = words.random() < 0.3
        reads = (start, net.inputs[0]) if reads_two else (start,)
        ports = tuple(f"{port}{i}" for i in range(len(reads)))
        net.region(
            f"{word()}{width}",
            fill(width),
            *reads,
            definition=block,
            arguments={argument: width, word(): word()},
            ports=ports,
        )
        tied = {"bias": Tie(f"{outer}.bias")} if ties else {"weight": Tie(f"{outer}.weight", transpose=True)}
        net.add(f"{word()}t{width}", Linear(out_features=4), ties=tied)
        net.add(f"{word()}o{width}", Linear(out_features=4), owner=outer)
    return net.graph(name=word())


def test_a_thousand_hostile_graphs_of_blocks_emit_only_allowed_nodes() -> None:
    words = random.Random(1)
    for _ in range(1_000):
        assert_harmless(emit(hostile_blocks(words)))


def seconds(num_layers: int, place: str) -> float:
    net = Net((8,))

    def fill(inner: Net) -> None:
        for i in range(num_layers):
            inner.add(str(i), Linear(out_features=8 + i % 3) if i % 2 else Relu())

    if place == "network":
        fill(net)
    else:
        net.region("group", fill)
    graph = net.graph()
    start = time.thread_time()
    emit(graph)
    return time.thread_time() - start


@pytest.mark.parametrize("place", ["network", "group"])
def test_the_time_for_a_flat_chain_is_linear(place: str) -> None:
    seconds(100, place)
    small, large = (min(seconds(layers, place) for _ in range(2)) for layers in (2_500, 10_000))
    assert large <= 8 * small  # 16 where it is quadratic; a full heap costs some


def test_ten_thousand_hostile_graphs_emit_only_allowed_nodes() -> None:
    words = random.Random(0)
    for _ in range(10_000):
        assert_harmless(emit(hostile_graph(words)))
