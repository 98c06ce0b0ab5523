"""Means over batches of unequal size, worked by hand."""

from __future__ import annotations

import torch

from netspec.training.tally import Tally


def test_a_loss_is_a_mean_over_samples_not_over_batches() -> None:
    tally = Tally(())
    tally.add_loss("", 2.0, 3)
    tally.add_loss("", torch.tensor(6.0), 1)  # of an evaluation, which leaves it on its device
    assert tally.result().numbers == {"loss": 3.0}


def test_several_updates_have_a_loss_each_and_their_sum_is_the_loss() -> None:
    tally = Tally(())
    for update, mean, samples in (("generator", 1.0, 2), ("critic", 4.0, 2), ("critic", 1.0, 4)):
        tally.add_loss(update, mean, samples)
    assert tally.result().numbers == {"loss": 3.0, "generator_loss": 1.0, "critic_loss": 2.0}


def test_its_state_goes_on_to_the_same_bits() -> None:
    whole, first, second = Tally(()), Tally(()), Tally(())
    losses = [0.1, 0.7, 1 / 3, 1e-9]
    for index, loss in enumerate(losses):
        whole.add_loss("", loss, 7)
        if index == 2:
            second.restore(first.state())
        (first if index < 2 else second).add_loss("", loss, 7)
    assert second.result().numbers == whole.result().numbers
    whole.clear()
    assert whole.result().numbers == {}
