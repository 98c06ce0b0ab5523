"""Recognised cells run torch's fused layers, and compute what their loop and torch's own modules compute."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.profiler import profile

import netspec
from netspec.backends.torch import build
from netspec.backends.torch.proof import is_proven, proven
from netspec.compiler import compile_source
from netspec.compiler.passes import rewrite
from netspec.diagnostics import Source
from netspec.ir import Graph, Scan
from tests.compiler.cells.spellings import SAME, spec
from tests.compiler.cells.test_match import fused


@pytest.mark.parametrize("name", SAME)
def test_values_and_gradients_are_those_of_the_loop(name: str) -> None:
    torch.manual_seed(0)
    plain = compile_source(Source("cell.yaml", spec(SAME[name][1]))).graph
    loop, fast = build(plain).double(), build(rewrite(plain)).double()
    assert list(loop.state_dict()) == list(fast.state_dict())
    for parameter in loop.parameters():
        nn.init.normal_(parameter, std=0.5)
    fast.load_state_dict(loop.state_dict())
    x = torch.randn(3, 6, 3, dtype=torch.float64)
    for a, b in zip(loop(x), fast(x), strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=1e-12)
    sum(each.square().sum() for each in loop(x)).backward()
    sum(each.square().sum() for each in fast(x)).backward()
    for (key, a), (_, b) in zip(loop.named_parameters(), fast.named_parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=0, atol=1e-10, msg=key)


def lstm_and_peer(dtype: torch.dtype) -> tuple[nn.Module, nn.LSTM]:
    """`lstm_from_gates`, and torch's module with the same weights."""
    torch.manual_seed(0)
    module = netspec.build("lstm_from_gates", rewrite=True).to(dtype)
    peer = nn.LSTM(128, 128, batch_first=True).to(dtype)
    state = module.state_dict()
    with torch.no_grad():
        peer.weight_ih_l0.copy_(state["lstm.W.weight"])
        peer.weight_hh_l0.copy_(state["lstm.U.weight"])
        peer.bias_ih_l0.copy_(state["lstm.W.bias"])
        peer.bias_hh_l0.zero_()
    return module, peer


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-5)])
def test_lstm_from_gates_is_torchs_lstm(dtype: torch.dtype, tolerance: float) -> None:
    module, peer = lstm_and_peer(dtype)
    x = torch.randn(4, 33, 128, dtype=dtype)
    found, expected = module(x), peer(x)[0]
    assert (found - expected).abs().max() <= tolerance * expected.abs().max()
    found.square().sum().backward()
    expected.square().sum().backward()
    pairs = {"lstm.W.weight": peer.weight_ih_l0, "lstm.U.weight": peer.weight_hh_l0, "lstm.W.bias": peer.bias_ih_l0}
    for key, parameter in pairs.items():
        grad, wanted = module.get_parameter(key).grad, parameter.grad
        assert (grad - wanted).abs().max() <= tolerance * wanted.abs().max()


def operators(module: nn.Module, x: torch.Tensor) -> Counter[str]:
    """How often a training step calls each of torch's operators."""

    def step() -> None:
        found = module(x)
        (found[0] if isinstance(found, tuple) else found).sum().backward()

    step()
    with profile() as profiler:
        step()
    return Counter(event.name for event in profiler.events() if event.name.startswith("aten::"))


def test_a_cell_of_two_linears_has_the_operators_of_torchs_module() -> None:
    text = spec(SAME["lstm, linears of x and of h"][1]).replace("outputs: {y: rnn, h: rnn.h, c: rnn.c}", "")
    module = build(rewrite(compile_source(Source("cell.yaml", text)).graph))
    for steps in (5, 50):
        x = torch.randn(2, steps, 3)
        assert operators(module, x) == operators(nn.LSTM(3, 4, batch_first=True), x)


def test_lstm_from_gates_has_the_operators_of_torchs_module() -> None:
    module, peer = lstm_and_peer(torch.float32)
    for steps in (3, 30):
        x = torch.randn(2, steps, 128)
        # torch's has a second bias, whose gradient is added to.
        assert operators(peer, x) - operators(module, x) == Counter({"aten::add_": 1})
        assert not operators(module, x) - operators(peer, x)


def test_a_cell_of_one_matrix_adds_two_views_of_it_however_many_steps_there_are() -> None:
    text = spec(SAME["lstm, chunk in PyTorch's order"][1]).replace("outputs: {y: rnn, h: rnn.h, c: rnn.c}", "")
    module, peer = build(rewrite(compile_source(Source("cell.yaml", text)).graph)), nn.LSTM(3, 4, batch_first=True)
    found = []
    for steps in (3, 30):
        x = torch.randn(2, steps, 3)
        found.append(operators(module, x) - operators(peer, x))
        assert not {name for name in operators(peer, x) - operators(module, x)} - {"aten::add_", "aten::detach"}
    assert found[0] == found[1]
    # A view each of the columns of x and of h, and its gradient; the layer makes both contiguous.
    assert found[0]["aten::slice_backward"] == 2
    assert not {"aten::lstm", "aten::mkldnn_rnn_layer", "aten::mm", "aten::addmm", "aten::cat"} & found[0].keys()


def wrong(scan: Scan) -> Scan:
    """The same with two gates exchanged."""
    assert scan.fused is not None
    i, f, *rest = scan.fused.weight_ih
    return replace(scan, fused=replace(scan.fused, weight_ih=(f, i, *rest)))


def test_what_does_not_agree_with_its_loop_runs_as_the_loop_and_says_so() -> None:
    graph, scan = fused(spec(SAME["lstm, chunk in PyTorch's order"][1]))
    assert is_proven(scan)
    assert not is_proven(wrong(scan))
    broken: Graph = replace(graph, nodes=(wrong(scan),))
    with pytest.warns(UserWarning, match="`rnn` was taken for a layer that it is not: it runs as a loop"):
        [found] = proven(broken).nodes
    assert isinstance(found, Scan) and found.fused is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert proven(graph) is graph
