"""The recurrent layers: torch's own modules, with its keys; states per sample; what they refuse."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from netspec.backends.torch import build
from netspec.compiler import compile_source
from netspec.diagnostics import Source
from netspec.ops.base import Op, OpError

pytestmark = pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning")

KINDS: list[tuple[str, nn.Module]] = [
    ("rnn: {hidden_size: 4, nonlinearity: relu}", nn.RNN(3, 4, nonlinearity="relu", batch_first=True)),
    ("gru: {hidden_size: 4, num_layers: 2, bias: false}", nn.GRU(3, 4, 2, bias=False, batch_first=True)),
    ("lstm: {hidden_size: 4, num_layers: 2, bidirectional: true}", nn.LSTM(3, 4, 2, True, True, bidirectional=True)),
    ("lstm: {hidden_size: 4, proj_size: 2}", nn.LSTM(3, 4, proj_size=2, batch_first=True)),
]


@pytest.mark.parametrize(("layer", "peer"), KINDS, ids=[layer for layer, _ in KINDS])
@pytest.mark.parametrize("with_states", [False, True], ids=["zeros", "states"])
def test_values_and_keys_are_torchs(
    layer: str, peer: nn.Module, with_states: bool, parse: Callable[[str], Op], trial: Callable[..., Any]
) -> None:
    op = parse(layer)
    states = [each.shape for each in op.infer_all(trial(op, (5, 3)).types[0])[1:-1]] if with_states else []
    case = trial(op, (5, 3), *states)
    assert [key.removeprefix("layer.") for key in case.module.state_dict()] == list(peer.state_dict())
    case.module.load_state_dict({f"layer.{key}": value for key, value in peer.state_dict().items()})
    x, *given = case.inputs(2)
    turned = [state.transpose(0, 1).contiguous() for state in given]
    with torch.no_grad():
        sequence, finals = peer(x, *([tuple(turned)] if len(turned) > 1 else turned))
    finals = finals if isinstance(finals, tuple) else (finals,)
    found = case.all_outputs([x, *given])
    directions = 2 if getattr(peer, "bidirectional", False) else 1
    last = torch.cat([*finals[0][-directions:]], dim=1)
    expected = (sequence, *(each.transpose(0, 1) for each in finals), last)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-7)


def test_a_learned_sequence_is_repeated_for_given_states() -> None:
    text = (
        "netspec: 1\ninputs: {h: [1, 4]}\nlayers:\n  - {name: p, param: [5, 3]}\n  - {name: r, gru: 4, from: [p, h]}\n"
    )
    module, start = build(compile_source(Source("net.yaml", text)).graph), torch.randn(2, 1, 4)
    found = module(start)
    expected, _ = module.r(module.p.expand(2, -1, -1), start.transpose(0, 1))
    assert not torch.equal(found[0], found[1])
    torch.testing.assert_close(found, expected)


def test_last_of_both_directions_is_where_each_ends(parse: Callable[[str], Op], trial: Callable[..., Any]) -> None:
    case = trial(parse("gru: {hidden_size: 2, bidirectional: true}"), (6, 3))
    sequence, _, last = case.all_outputs(case.inputs(2))
    assert torch.equal(last, torch.cat([sequence[:, -1, :2], sequence[:, 0, 2:]], dim=1))


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        ("lstm: 4", [(3,)], "lstm reads [T, features], got [3]"),
        ("lstm: 4", [(5, 3), (1, 4)], "lstm starts from both `h` and `c`, or from neither"),
        ("gru: 4", [(5, 3), (4,)], "an initial state of gru is [1, 4] (layers, features), got [4]"),
        ("rnn: {hidden_size: 4, bidirectional: true}", [(5, 3), (1, 4)], "is [2, 4] (directions of layers, features)"),
        ("lstm: {hidden_size: 4, proj_size: 4}", [(5, 3)], "proj_size 4 is not below hidden_size 4"),
    ],
)
def test_what_it_cannot_read_is_refused(
    layer: str, shapes: list[tuple[int, ...]], message: str, parse: Callable[[str], Op], trial: Callable[..., Any]
) -> None:
    with pytest.raises(OpError) as caught:
        trial(parse(layer), *shapes)
    assert message in str(caught.value)
