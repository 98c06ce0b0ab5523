"""The adding problem: an LSTM and a plain recurrent network of the same size on the same data."""

from __future__ import annotations

import pytest
import torch

import netspec
from netspec.backends.torch import build
from netspec.compiler.analyses import counts
from netspec.training.run import planned


@pytest.mark.parametrize(("cell", "module"), [("lstm", torch.nn.LSTM), ("rnn", torch.nn.RNN)])
def test_the_cell_is_torchs(cell: str, module: type[torch.nn.Module]) -> None:
    spec = netspec.load("adding_problem", settings=[f"cell={cell}", "T=20"])
    found, oracle = build(spec.graph), module(2, 32, batch_first=True)
    head = torch.nn.Linear(32, 1)
    oracle.load_state_dict({name: tensor for name, tensor in found.memory.state_dict().items()})
    head.load_state_dict(found.sum.state_dict())
    assert counts(spec.graph).num_params == sum(p.numel() for p in [*oracle.parameters(), *head.parameters()])
    x = torch.rand(3, 20, 2)
    torch.testing.assert_close(found(x), head(oracle(x)[0][:, -1]))


def test_training_and_held_out_sequences_differ() -> None:
    plan = planned(netspec.load("adding_problem", settings=["T=20"])).final
    assert not isinstance(plan.validation, float) and plan.validation is not None
    train, held_out = plan.data.load(), plan.validation.load()
    assert (len(train), len(held_out)) == (20_000, 1_000)
    assert not (train.arrays["target"][:1_000] == held_out.arrays["target"]).any()


def test_a_cell_that_is_not_there_is_refused() -> None:
    with pytest.raises(netspec.SpecError, match="one of lstm, rnn"):
        netspec.load("adding_problem", settings=["cell=gru"])
