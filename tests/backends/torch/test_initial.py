"""Rules that draw parameters, and what is frozen, against torch.nn.init and modules written by hand."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest
import torch
from torch import nn

from netspec.backends.torch import build, emit
from netspec.backends.torch.initial import FUNCTIONS
from netspec.ir import Graph, Node, Region
from netspec.ir.graph import Init, Tie
from netspec.ops.activation import Relu
from netspec.ops.conv import Conv
from netspec.ops.linear import Linear
from netspec.ops.norm import BatchNorm
from netspec.ops.regularize import Dropout
from tests.backends.torch.graphs import Net, resnet
from tests.backends.torch.printed import assert_harmless

KAIMING = (Init("kaiming_normal", {"mode": "fan_out"}),)
ONES = (Init("ones"),)


def changed(graph: Graph, **options: object) -> Graph:
    """The graph, each of whose nodes has what `options` makes of it."""

    def visit(node: Node | Region) -> Node | Region:
        if isinstance(node, Region):
            body = replace(node.body, nodes=tuple(map(visit, node.body.nodes)))
            return replace(node, body=body)
        return replace(node, **{key: make(node) for key, make in options.items()})  # type: ignore[operator, arg-type]

    return replace(graph, nodes=tuple(map(visit, graph.nodes)))


def kaiming(node: Node) -> dict[str, tuple[Init, ...]]:
    return {"weight": KAIMING} if isinstance(node.op, Conv) else {}


def test_one_rule_for_all_modules_of_a_class_is_the_loop_that_people_write() -> None:
    graph = changed(resnet((1, 2), image=32, base=4), init=kaiming)
    source = emit(graph)
    assert_harmless(source)
    assert source.endswith(
        "        for module in self.modules():\n"
        "            if isinstance(module, nn.Conv2d):\n"
        '                nn.init.kaiming_normal_(module.weight, mode="fan_out")\n'
    )
    torch.manual_seed(0)
    found = build(graph)
    torch.manual_seed(0)
    wanted = build(resnet((1, 2), image=32, base=4))
    for module in wanted.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out")
    assert all(map(torch.equal, found.state_dict().values(), wanted.state_dict().values()))


def three() -> Net:
    net = Net((4,))
    for name in ("a", "b", "c-1"):
        net.add(name, Linear(out_features=4))
    return net


def test_other_rules_are_loops_over_names() -> None:
    small = (Init("normal", {"std": 0.01}),)
    rules = {"a": {"weight": small}, "c-1": {"weight": small, "bias": (Init("constant", {"val": 0.5}),)}}
    graph = changed(three().graph(), init=lambda node: rules.get(node.path, {}))
    assert emit(graph).endswith(
        '        for name in ("a.weight", "c-1.weight"):\n'
        "            nn.init.normal_(self.get_parameter(name), std=0.01)\n"
        '        nn.init.constant_(self.get_parameter("c-1.bias"), 0.5)\n'
    )
    module = build(graph)
    assert all(module.get_parameter("c-1.bias") == 0.5)
    assert module.get_parameter("a.weight").std() < 0.03 < module.get_parameter("b.weight").std()


def test_rules_for_chunks_fill_equal_parts_of_the_first_axis() -> None:
    parts = (Init("zeros"), Init("constant", {"val": 1.0}), Init("zeros"), Init("constant", {"val": 2.0}))
    net = Net((3,))
    net.add("gates", Linear(out_features=8), init={"bias": parts})
    module = build(net.graph())
    assert module.gates.bias.tolist() == [0, 0, 1, 1, 0, 0, 2, 2]
    assert module.gates.bias.requires_grad and module.gates.bias.is_leaf
    module(torch.randn(2, 3)).sum().backward()
    assert module.gates.bias.grad.tolist() == [2.0] * 8


def test_a_tied_parameter_is_drawn_by_its_own_layers_rule_only() -> None:
    net = Net((4,))
    net.add("embed", Linear(out_features=4), init={"weight": ONES})
    net.add("fc", Linear(out_features=4), ties={"weight": Tie("embed.weight")}, init={"weight": (Init("zeros"),)})
    module = build(net.graph())
    assert module.fc.weight is module.embed.weight and bool((module.embed.weight == 1).all())


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_table_has_torchs_functions_and_arguments(function: str) -> None:
    import inspect

    names = list(inspect.signature(getattr(nn.init, f"{function}_")).parameters)[1:]
    assert [name for name in names if name != "generator"] == [*FUNCTIONS[function]]


@pytest.mark.parametrize("rule", [Init("load"), Init("normal", {"generator": 1}), Init("x; import os")])
def test_nothing_but_the_table_becomes_code(rule: Init) -> None:
    net = Net((4,))
    net.add("fc", Linear(out_features=4), init={"weight": (rule,)})
    with pytest.raises((KeyError, ValueError)):
        emit(net.graph())


@pytest.mark.parametrize("function", ["normal", "sparse", "xavier_normal", "kaiming_uniform", "trunc_normal"])
def test_without_initialisation_nothing_is_drawn(function: str) -> None:
    arguments = {"sparsity": 0.5} if function == "sparse" else {}
    graph = changed(three().graph(), init=lambda node: {"weight": (Init(function, arguments),)})
    before = torch.random.get_rng_state()
    build(graph, initialize=False)
    assert torch.equal(before, torch.random.get_rng_state())
    build(graph)
    assert not torch.equal(before, torch.random.get_rng_state())


def backbone() -> Net:
    def fill(inner: Net) -> None:
        inner.add("conv", Conv(out_channels=3, kernel_size=1))
        inner.add("norm", BatchNorm())
        inner.add("drop", Dropout(p=0.5))

    net = Net((2, 5, 5))
    net.region("backbone", fill)
    net.add("norm", BatchNorm())
    net.add("relu", Relu())
    net.add("out", Conv(out_channels=2, kernel_size=1))
    return net


def test_frozen_layers_are_not_trained_their_statistics_stay_and_dropout_does_not() -> None:
    graph = changed(backbone().graph(), frozen=lambda node: node.path.startswith("backbone."))
    assert_harmless(emit(graph))
    assert '        self.get_submodule("backbone").requires_grad_(False)' in emit(graph).splitlines()
    module = build(graph)
    trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    assert trained == ["norm.weight", "norm.bias", "out.weight", "out.bias"]
    assert module.training and module.backbone.drop.training and module.norm.training
    for _ in range(2):
        before = {key: value.clone() for key, value in module.state_dict().items()}
        module(torch.randn(4, 2, 5, 5))
        after = module.state_dict()
        moved = {key for key in before if not torch.equal(before[key], after[key])}
        assert moved == {"norm.running_mean", "norm.running_var", "norm.num_batches_tracked"}
        assert module.train(False) is module and not module.backbone.drop.training
        module.train()


def test_a_tied_parameter_is_frozen_with_the_layer_that_it_belongs_to() -> None:
    net = Net((4,))
    net.add("embed", Linear(out_features=4))
    net.add("fc", Linear(out_features=4), ties={"weight": Tie("embed.weight")}, frozen=True)
    trained = [name for name, each in build(net.graph()).named_parameters() if each.requires_grad]
    assert trained == ["embed.weight", "embed.bias"]


def test_a_network_with_frozen_layers_is_printed_with_its_train() -> None:
    graph = changed(backbone().graph(), frozen=lambda node: True)
    methods = [node for node in ast.walk(ast.parse(emit(graph))) if isinstance(node, ast.FunctionDef)]
    assert methods[-1].name == "train"
    assert not any(parameter.requires_grad for parameter in build(graph).parameters())
    assert not build(graph).get_submodule("backbone.norm").training
