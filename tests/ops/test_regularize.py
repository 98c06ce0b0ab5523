"""Noise while training: what stochastic depth drops, and that it is nothing in evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from netspec.backends.torch import emit
from netspec.ops.base import Op

Parse = Callable[[str], Op]


@pytest.mark.parametrize("mode", ["row", "batch"])
def test_whole_samples_or_the_whole_batch(parse: Parse, trial: Callable[..., Any], mode: str) -> None:
    """What is left is scaled by 1/(1 - p), so that the mean stays (torchvision.ops.stochastic_depth)."""
    module = trial(parse(f"stochastic_depth: {{p: 0.25, mode: {mode}}}"), (2, 3)).module.train()
    draws = torch.stack([module(torch.ones(8, 2, 3)) for _ in range(500)])
    assert draws.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    per_sample = draws.flatten(2)
    assert torch.equal(per_sample.amin(2), per_sample.amax(2)), "a sample is dropped whole"
    agree = (per_sample[:, :, 0] == per_sample[:, :1, 0]).all(1)
    assert bool(agree.all()) == (mode == "batch")
    assert draws.mean().item() == pytest.approx(1, abs=0.06 if mode == "row" else 0.12)


def test_in_evaluation_it_is_its_input(parse: Parse, trial: Callable[..., Any]) -> None:
    case = trial(parse("stochastic_depth: 1"), (2, 3))
    [x] = case.inputs(2)
    assert case.torch([x]) is x
    assert not case.module.train()(x).any()


def test_the_printed_file_needs_torch_alone(parse: Parse, trial: Callable[..., Any]) -> None:
    source = emit(trial(parse("stochastic_depth: 0.2"), (3, 4, 4)).graph)
    assert "self.layer = nn.Dropout(0.2)" in source
    assert "x0 * self.layer(x0.new_ones(x0.size(0), 1, 1, 1)) if self.layer.training else x0" in source


def test_mask_noise_does_not_rescale(parse: Parse, trial: Callable[..., Any]) -> None:
    module = trial(parse("mask_noise: 0.3"), (2, 3)).module.train()
    x = torch.randn(20_000, 2, 3)
    noisy = module(x)
    kept = noisy != 0
    assert torch.equal(noisy[kept], x[kept])
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.01)


def test_mask_noise_in_evaluation_is_its_input(parse: Parse, trial: Callable[..., Any]) -> None:
    case = trial(parse("mask_noise: 1"), (2, 3))
    [x] = case.inputs(2)
    assert case.torch([x]) is x
    assert not case.module.train()(x).any()
    assert "x0 * self.layer(torch.ones_like(x0)).sign() if self.layer.training else x0" in emit(case.graph)
