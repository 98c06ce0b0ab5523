"""Convolutions without shared weights: beside a convolution, position by position, and their counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from netspec.backends.torch import emit
from netspec.ir import TensorType, symbol
from netspec.ops.base import Op, OpError, trainable

Parse = Callable[[str], Op]


@pytest.mark.parametrize(("channels", "count"), [(1, 24 * 24 * (25 + 1)), (3, 24 * 24 * (75 + 1))])
def test_a_bias_and_a_kernel_for_each_position(parse: Parse, channels: int, count: int) -> None:
    op, image = parse("locally_connected: {out_channels: 1, kernel_size: 5}"), TensorType((channels, 28, 28))
    assert op.infer(image).shape == (1, 24, 24)
    assert trainable(op.params(image)) == count == {1: 14_976, 3: 43_776}[channels]
    assert op.macs(image) == count - 24 * 24


@pytest.mark.parametrize("bias", ["true", "false"])
def test_each_position_is_a_convolution_of_its_own(parse: Parse, trial: Callable[..., Any], bias: str) -> None:
    layer = f"locally_connected: {{out_channels: 3, kernel_size: [3, 2], stride: [2, 1], padding: 1, bias: {bias}}}"
    case = trial(parse(layer), (2, 7, 4))
    [x] = case.inputs(5)
    found, own = case.torch([x]), case.module.layer
    rows, columns = found.shape[2:]
    kernels = own.weight.view(rows, columns, 3, 2, 3, 2)
    for i in range(rows):
        for j in range(columns):
            shift = own.bias.view(rows, columns, 3)[i, j] if bias == "true" else None
            shared = torch.nn.functional.conv2d(x, kernels[i, j], shift, stride=(2, 1), padding=1)
            torch.testing.assert_close(found[:, :, i, j], shared[:, :, i, j])


def test_with_equal_kernels_it_is_a_convolution(parse: Parse, trial: Callable[..., Any]) -> None:
    case = trial(parse("locally_connected: {out_channels: 4, kernel_size: 3, padding: 1}"), (2, 9))
    conv = torch.nn.Conv1d(2, 4, 3, padding=1)
    case.module.layer.weight.copy_(conv.weight.reshape(4, 6).repeat(9, 1))
    case.module.layer.bias.copy_(conv.bias.repeat(9))
    [x] = case.inputs(3)
    torch.testing.assert_close(case.torch([x]), conv(x).detach())


def test_it_starts_as_a_convolution_does(parse: Parse, trial: Callable[..., Any]) -> None:
    """Uniform within 1/sqrt(fan-in), as torch draws convolutions and linear maps."""
    from netspec.backends.torch import build

    weight = build(trial(parse("locally_connected: {out_channels: 2, kernel_size: 5}"), (3, 28, 28)).graph).layer.weight
    assert weight.abs().max().item() == pytest.approx(75**-0.5, rel=1e-3)


def test_the_text(parse: Parse, trial: Callable[..., Any]) -> None:
    source = emit(trial(parse("locally_connected: {out_channels: 1, kernel_size: 5}"), (1, 28, 28)).graph)
    assert "self.layer = nn.Linear(25, 576)  # 1 x 24 x 24" in source
    assert "x0.unfold(2, 5, 1).unfold(3, 5, 1).permute(2, 3, 1, 4, 5, 0).reshape(576, 25, -1)" in source


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, symbol("H"), 8), "a size of locally_connected must be a known number, got H - 4"),
        ((1, 8, 4), "kernel (5, 5) exceeds the input (8, 4)"),
        ((8,), "locally_connected needs [channels, *space] with one to three space axes, got [8]"),
    ],
)
def test_refusals(parse: Parse, shape: tuple[Any, ...], message: str) -> None:
    with pytest.raises(OpError) as caught:
        parse("locally_connected: {out_channels: 1, kernel_size: 5}").infer(TensorType(shape))
    assert str(caught.value) == message
