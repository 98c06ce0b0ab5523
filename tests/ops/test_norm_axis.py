"""Norms over axes: numbers by hand, and the text that keeps torch's fast layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from netspec.backends.torch import emit
from netspec.ir import TensorType
from netspec.ops.base import Op, OpError

Parse = Callable[[str], Op]


def test_the_channels_of_a_feature_map_are_normalised_at_each_position(parse: Parse, trial: Callable[..., Any]) -> None:
    """By hand, as ConvNeXt's LayerNorm2d: (x - mean over C) / sqrt(variance over C + eps) * weight + bias."""
    case = trial(parse("layer_norm: {dim: 1, eps: 0.5}"), (4, 3, 2))
    [x] = case.inputs(2)
    weight, bias = (case.module.state_dict()[f"layer.{name}"].view(1, 4, 1, 1) for name in ("weight", "bias"))
    centred = x - x.mean(1, keepdim=True)
    wanted = centred / (centred.square().mean(1, keepdim=True) + 0.5).sqrt() * weight + bias
    torch.testing.assert_close(case.torch([x]), wanted)


def test_the_layer_is_torchs_between_two_permutations(parse: Parse, trial: Callable[..., Any]) -> None:
    source = emit(trial(parse("layer_norm: {dim: 1}"), (4, 3, 2)).graph)
    assert "self.layer = nn.LayerNorm(4)" in source
    assert "self.layer(x0.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)" in source
    assert "permute" not in emit(trial(parse("layer_norm"), (3, 4)).graph)


def test_the_root_mean_square_by_hand(parse: Parse, trial: Callable[..., Any]) -> None:
    """The root of (9 + 16)/2 is 3.5355."""
    case = trial(parse("rms_norm: {elementwise_affine: false}"), (2,))
    assert case.torch([torch.tensor([[3.0, 4.0]])])[0].tolist() == pytest.approx([3 / 3.535534, 4 / 3.535534])


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        ("layer_norm: 3", (4, 5), "there is no axis 3: a sample's axes are 1 to 2"),
        ("layer_norm: {dim: [1, -2]}", (4, 5), "dim [1, -2] names an axis twice"),
        ("rms_norm: 0", (4, 5), "dim 0 is the batch, which no layer may touch"),
        ("instance_norm", (4, 1), "instance_norm needs more than one position to normalise, got [4, 1]"),
        ("instance_norm", (4,), "instance_norm needs [channels, *space] with one to three space axes, got [4]"),
    ],
)
def test_refusals(parse: Parse, layer: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(TensorType(shape))
    assert str(caught.value) == message
