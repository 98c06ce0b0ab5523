"""Rewrites keep the function, its gradients and the state-dict keys."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.backends.torch import build
from netspec.compiler import compile_source, load
from netspec.compiler.passes import rewrite
from netspec.compiler.passes.channels_last import channels_last
from netspec.compiler.passes.pool_before_activation import pool_before_activation
from netspec.compiler.passes.relu_in_place import relu_in_place
from netspec.diagnostics import Source
from netspec.ir import Graph
from netspec.ir.verify import verify
from netspec.ops.registry import ops

MONOTONE = [
    op.examples[0].layer for name, op in ops().items() if op.monotone and name not in ("threshold", "hardshrink")
]


def graph_of(layers: str, shape: str = "[2, 12, 12]") -> Graph:
    return compile_source(Source("net.yaml", f"netspec: 1\ninputs: {{x: {shape}}}\nlayers:\n{layers}")).graph


def order(graph: Graph) -> list[str]:
    return [node.path for node in graph.walk()]


def assert_equal(before: Graph, after: Graph, x: torch.Tensor) -> None:
    """Equal keys, values and gradients (of the input and of every parameter), in float64."""
    verify(before)
    verify(after)
    a, b = build(before).double(), build(after).double()
    assert set(a.state_dict()) == set(b.state_dict())
    b.load_state_dict(a.state_dict())
    inputs = [x.clone().requires_grad_(), x.clone().requires_grad_()]
    outputs = [module(value) for module, value in zip((a, b), inputs, strict=True)]
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-12, atol=1e-12)
    weights = torch.randn_like(outputs[0])
    for output in outputs:
        (output * weights).sum().backward()
    torch.testing.assert_close(inputs[1].grad, inputs[0].grad, rtol=1e-10, atol=1e-12)
    gradients = dict(b.named_parameters())
    for key, parameter in a.named_parameters():
        torch.testing.assert_close(gradients[key].grad, parameter.grad, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["mnist_convnet", "mnist_convnet_two_conv"])
def test_the_convnets_compute_the_same(name: str) -> None:
    graph = load(name).graph
    rewritten = rewrite(graph)
    assert order(rewritten)[:4] == ["image_channels_last", "0", "2", "1"]
    assert_equal(graph, rewritten, torch.randn(5, 1, 28, 28, dtype=torch.float64))


@settings(deadline=None, max_examples=30)
@given(
    activation=st.sampled_from([name for name in MONOTONE if name not in ("prelu",)]),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 3),
    padding=st.integers(0, 2),
    ceil=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_pooling_commutes_with_every_monotone_activation(
    activation: str, kernel: int, stride: int, padding: int, ceil: bool, seed: int
) -> None:
    sizes = f"kernel_size: {kernel}, stride: {stride}, padding: {min(padding, kernel // 2)}"
    pool = f"{{{sizes}, ceil_mode: {str(ceil).lower()}}}"
    graph = graph_of(f"  - {{name: f, {activation}}}\n  - {{name: pool, max_pool: {pool}}}")
    after = pool_before_activation(graph)
    assert order(after) == ["pool", "f"]
    torch.manual_seed(seed)
    assert_equal(graph, after, torch.randn(2, 2, 12, 12, dtype=torch.float64) * 3)


def test_ties_at_zero_give_relu_the_same_gradient() -> None:
    graph = graph_of("  - {name: f, relu}\n  - {name: pool, max_pool: 2}")
    x = torch.randint(-2, 3, (4, 2, 12, 12)).double()
    assert_equal(graph, pool_before_activation(graph), x)


@pytest.mark.parametrize(
    "layers",
    [
        "  - {name: f, tanhshrink}\n  - max_pool: 2",  # not monotone
        "  - {name: f, gelu}\n  - max_pool: 2",
        "  - {name: f, relu}\n  - avg_pool: 2",  # no maximum
        "  - {name: f, relu}\n  - {name: p, max_pool: 1}\n  - {add, from: [f, p]}",  # read twice
    ],
)
def test_where_it_does_not_hold_nothing_changes(layers: str) -> None:
    graph = graph_of(layers)
    assert order(pool_before_activation(graph)) == order(graph)


def test_an_activation_that_is_an_output_stays() -> None:
    text = "netspec: 1\ninputs: {x: [2, 4, 4]}\nlayers: [{name: f, relu}, {name: p, max_pool: 2}]\noutputs: [f, p]"
    graph = compile_source(Source("net.yaml", text)).graph
    assert order(pool_before_activation(graph)) == ["f", "p"]


def test_inside_sequences_too() -> None:
    graph = graph_of("  - {name: s, sequence: [{conv: {out_channels: 3, kernel_size: 3}}, relu, {max_pool: 2}]}")
    after = rewrite(graph)
    assert order(after) == ["x_channels_last", "s.0", "s.2", "s.1"]
    assert_equal(graph, after, torch.randn(2, 2, 12, 12, dtype=torch.float64))


def test_only_images_that_a_convolution_reads_are_laid_out() -> None:
    plain = graph_of("  - flatten\n  - linear: 3")
    assert channels_last(plain).nodes == plain.nodes
    vectors = graph_of("  - conv: {out_channels: 2, kernel_size: 3}", shape="[2, 12]")
    assert channels_last(vectors).nodes == vectors.nodes


def test_the_layout_reaches_the_convolution() -> None:
    module = build(rewrite(load("mnist_convnet").graph))
    seen = []
    module.get_submodule("0").register_forward_hook(lambda layer, args, output: seen.append((args[0], output)))
    module(torch.randn(4, 1, 28, 28))
    ((given, output),) = seen
    assert given.stride() == (784, 1, 28, 1)
    assert output.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("layers", "in_place"),
    [
        ("  - linear: 5\n  - {name: f, relu}", True),
        ("  - conv: {out_channels: 3, kernel_size: 3}\n  - batch_norm\n  - {name: f, relu}", True),
        ("  - {name: a, linear: 12}\n  - {name: f, relu}\n  - {add, from: [a, f]}", False),  # read twice
        ("  - {name: f, relu}", False),  # the network's own input
        ("  - sigmoid\n  - {name: f, relu}", False),  # sigmoid's backward reads its output
        ("  - flatten\n  - {name: f, relu}", False),  # a view of the input
    ],
)
def test_relu_overwrites_only_what_it_alone_reads(layers: str, in_place: bool) -> None:
    graph = graph_of(layers)
    after = relu_in_place(graph)
    assert build(after).get_submodule("f").inplace is in_place
    x = torch.randn(2, 2, 12, 12, dtype=torch.float64)
    before = x.clone()
    assert_equal(graph, after, x)
    assert torch.equal(x, before)
