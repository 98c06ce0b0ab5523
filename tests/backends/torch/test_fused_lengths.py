"""Recognised cells over an axis with lengths: fused layers that end at each sample's length, as the loop does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from netspec.backends.onnx import lower
from netspec.backends.onnx.export import export_onnx
from netspec.backends.onnx.parity import first_difference, session
from netspec.backends.torch import build, sequences
from netspec.backends.torch.proof import is_proven
from netspec.backends.torch.source import emit
from netspec.compiler import compile_source
from netspec.compiler.passes import rewrite
from netspec.diagnostics import Source
from netspec.ir import Graph, Scan
from netspec.ir.verify import verify
from tests.backends.torch.test_fused import wrong
from tests.compiler.cells.spellings import SAME, spec

#: A layer that reads its last c is packed, and so is one whose states may grow without bound.
PACKED = {"lstm": SAME["lstm, linears of x and of h"][1], "relu": SAME["rnn, relu"][1]}
CELLS = PACKED | {
    "lstm, c not read": PACKED["lstm"],
    "gru": SAME["gru, as PyTorch writes it"][1],
    "tanh": SAME["rnn, concat"][1],
}
WALKS = {"forward": "", "backward": ", reverse: true"}
LENGTHS = (2, 6, 1, 4)


def graph_of(kind: str, walk: str, *, given: bool = False) -> Graph:
    """A scan whose first states are zero, or given."""
    text = (
        spec(CELLS[kind]).replace("inputs: {x: [T, 3]}", "inputs: {x: [T, 3], s: [4]}").replace("state:", "state: ", 1)
    )
    text = text.replace("blocks:", "dims: {T: {lengths: n}}\nblocks:").replace("emit: h}", f"emit: h{WALKS[walk]}}}")
    text = text.replace(", c: rnn.c", "") if kind not in PACKED else text
    states = ("{x: x, h: s, c: s}" if "lstm" in kind else "{x: x, h: s}") if given else "x"
    return compile_source(
        Source("net.yaml", text.replace("{name: rnn, scan", f"{{name: rnn, from: {states}, scan"))
    ).graph


def marked(graph: Graph) -> Scan:
    """The graph's scan, which is recognised."""
    [scan] = [region for region in rewrite(graph).regions() if isinstance(region, Scan)]
    assert scan.fused is not None
    return scan


def inputs(dtype: torch.dtype, filler: float, lengths: Sequence[int] = LENGTHS) -> tuple[torch.Tensor, ...]:
    """x [N, T, 3], filled beyond the lengths, a state [N, 4], and the lengths."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(len(lengths), max(lengths), 3, dtype=dtype, generator=generator)
    for row, length in zip(x, lengths, strict=True):
        row[length:] = filler
    return x, torch.randn(len(lengths), 4, dtype=dtype, generator=generator), torch.tensor(lengths)


def cut(results: Sequence[torch.Tensor], lengths: Sequence[int] = LENGTHS) -> list[torch.Tensor]:
    """The sequence up to each sample's length, and the states."""
    sequence, *states = results
    return [*(row[:length] for row, length in zip(sequence, lengths, strict=True)), *states]


def gradients(module: nn.Module, given: tuple[torch.Tensor, ...]) -> dict[str, torch.Tensor]:
    """Of the squares of all that is valid."""
    x, state, lengths = given
    x, state = x.clone().requires_grad_(), state.clone().requires_grad_()
    sum(each.square().sum() for each in cut(module(x, state, lengths))).backward()
    found = {key: parameter.grad for key, parameter in module.named_parameters()}
    return {"x": x.grad, **found, **({} if state.grad is None else {"s": state.grad})}


@pytest.fixture(params=[(kind, walk, given) for kind in CELLS for walk in WALKS for given in (False, True)], ids=str)
def graph(request: pytest.FixtureRequest) -> Graph:
    kind, walk, given = request.param
    return graph_of(kind, walk, given=given)


def test_values_gradients_and_final_states_are_those_of_the_loop(graph: Graph) -> None:
    torch.manual_seed(0)
    verify(rewrite(graph))
    loop, fast = build(graph).double(), build(rewrite(graph)).double()
    fast.load_state_dict(loop.state_dict())
    assert ".step(" in emit(graph) and ".step(" not in emit(rewrite(graph))
    given = inputs(torch.float64, 0.0)
    for found, expected in zip(cut(fast(*given)), cut(loop(*given)), strict=True):
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)
    own, wanted = gradients(fast, given), gradients(loop, given)
    assert own.keys() == wanted.keys()
    for key, grad in own.items():
        torch.testing.assert_close(grad, wanted[key], rtol=0, atol=1e-10, msg=key)


@pytest.mark.parametrize("kind", CELLS)
def test_what_is_packed(kind: str) -> None:
    assert ("pack_padded_sequence" in emit(rewrite(graph_of(kind, "forward")))) == (kind in PACKED)


def test_padding_has_no_influence_bit_for_bit(graph: Graph) -> None:
    torch.manual_seed(0)
    module = build(rewrite(graph))
    clean = inputs(torch.float32, 0.0)
    values, grads = cut(module(*clean)), gradients(module, clean)
    for filler in (float("nan"), float("inf"), 1e30):
        module.zero_grad()
        other = inputs(torch.float32, filler)
        assert all(map(torch.equal, cut(module(*other)), values))
        found = gradients(module, other)
        assert all(torch.equal(found[key], grad) for key, grad in grads.items())
        assert all(row[length:].count_nonzero() == 0 for row, length in zip(found["x"], LENGTHS, strict=True))


def test_a_sample_in_a_batch_is_the_sample_alone(graph: Graph) -> None:
    """Its states too, which are those behind its last step, or backward behind its first."""
    torch.manual_seed(0)
    module = build(rewrite(graph)).double()
    x, state, lengths = inputs(torch.float64, float("nan"))
    sequence, *states = module(x, state, lengths)
    for i, length in enumerate(LENGTHS):
        alone = module(x[i : i + 1, :length], state[i : i + 1], lengths[i : i + 1])
        together = [sequence[i, :length], *(each[i] for each in states)]
        for found, expected in zip(together, alone, strict=True):
            torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_states_are_those_of_torchs_packed_module(kind: str) -> None:
    torch.manual_seed(0)
    module = build(rewrite(graph_of(kind, "forward"))).double()
    peer = (nn.LSTM if kind == "lstm" else nn.GRU)(3, 4, batch_first=True).double()
    own = dict(module.named_parameters())
    with torch.no_grad():
        if kind == "lstm":
            pairs = {"weight_ih_l0": "gx.weight", "weight_hh_l0": "gh.weight", "bias_ih_l0": "gx.bias"}
            for name, key in (pairs | {"bias_hh_l0": "gh.bias"}).items():
                getattr(peer, name).copy_(own[f"rnn.{key}"])
        else:
            peer.weight_ih_l0.copy_(torch.cat([own["rnn.rz.weight"][:, :3], own["rnn.nx.weight"]]))
            peer.weight_hh_l0.copy_(torch.cat([own["rnn.rz.weight"][:, 3:], own["rnn.nh.weight"]]))
            peer.bias_ih_l0.copy_(torch.cat([own["rnn.rz.bias"], own["rnn.nx.bias"]]))
            peer.bias_hh_l0.copy_(torch.cat([torch.zeros(8), own["rnn.nh.bias"]]))
    x, state, lengths = inputs(torch.float64, 0.0)
    packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
    _, finals = peer(packed)
    for found, expected in zip(module(x, state, lengths)[1:], finals if kind == "lstm" else [finals], strict=True):
        torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-12)


def test_onnx_runtime_computes_the_same_at_any_length_and_batch(graph: Graph) -> None:
    torch.manual_seed(0)
    module = build(rewrite(graph)).eval()
    model = lower(graph, {key: value.detach().numpy() for key, value in module.state_dict().items()})
    assert "Scan" not in [node.op_type for node in model.graph.node]
    run = session(model.SerializeToString())
    generator = np.random.default_rng(0)
    for size in (1, 2, 7, 33):
        for batch in (1, 2, 7):
            lengths = [*generator.integers(1, size + 1, batch - 1).tolist(), size]
            x, state, n = inputs(torch.float32, float("nan"), lengths)
            given = {"x": x.numpy(), "s": state.numpy(), "n": n.numpy()}
            found = run.run(None, {each.name: given[each.name] for each in run.get_inputs()})
            with torch.no_grad():
                expected = cut(module(x, state, n), lengths)
            for a, b in zip(cut([*map(torch.from_numpy, found)], lengths), expected, strict=True):
                torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


def test_padding_that_is_no_number_inside_of_the_network_stays_there() -> None:
    text = spec(CELLS["lstm"]).replace("blocks:", "dims: {T: {lengths: n}}\nblocks:").replace(
        "layers:\n  - {name: rnn,",
        "layers:\n  - {name: m, mask: T, from: x}\n  - {name: u, unsqueeze: -1}\n"
        '  - {name: bad, calc: "where(u, x, (x + 2) * 1e30 * 1e30 - (x + 2) * 1e30 * 1e30)"}\n'
        "  - {name: rnn, from: bad,",
    ).replace("outputs: {y: rnn,", "outputs: {bad: bad, y: rnn,")  # fmt: skip
    graph = compile_source(Source("net.yaml", text)).graph
    torch.manual_seed(0)
    module = build(rewrite(graph))
    x, _, lengths = inputs(torch.float32, 0.0)
    bad, *values = module(x, lengths)
    assert bad.isnan().any() and marked(graph).fused is not None
    plain = build(rewrite(graph_of("lstm", "forward")))
    plain.load_state_dict(module.state_dict())
    expected = cut(plain(x, torch.zeros(4, 4), lengths))
    assert all(map(torch.equal, cut(values), expected))
    state = {key: value.detach().numpy() for key, value in module.state_dict().items()}
    found = session(lower(graph, state).SerializeToString()).run(None, {"x": x.numpy(), "n": lengths.numpy()})[1:]
    for a, b in zip(cut([*map(torch.from_numpy, found)]), expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("walk", WALKS)
def test_it_is_proved_with_lengths_before_it_is_built(walk: str) -> None:
    graph = graph_of("lstm", walk, given=True)
    scan = marked(graph)
    assert is_proven(scan) and not is_proven(wrong(scan))


def test_the_proof_sees_a_layer_that_does_not_end_at_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    scan = marked(graph_of("gru", "forward"))
    monkeypatch.setattr(sequences.Ended, "of", lambda sequence, *_, reverse: sequences.Whole(sequence, reverse))
    assert not is_proven(scan)


@pytest.mark.parametrize("kind", CELLS)
def test_it_is_exported_whatever_stands_in_padding(kind: str, tmp_path: Path) -> None:
    """The loop holds h there, ONNX's layer gives zeros, torch's goes on."""
    graph = graph_of(kind, "forward")
    assert len(export_onnx(graph, build(graph).eval(), tmp_path / "net.onnx").differences) >= 3
    rewritten = build(rewrite(graph)).eval()
    assert export_onnx(graph, rewritten, tmp_path / "net.onnx").differences


def test_where_no_layer_stands_alone_none_is_named() -> None:
    graph = graph_of("gru", "forward")
    module = build(graph).eval()
    state = {key: value.detach().numpy() for key, value in module.state_dict().items()}
    assert first_difference(graph, module, state, 20, 0.0, 0.0) is None
