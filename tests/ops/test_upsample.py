"""Transposed convolutions and interpolation: sizes and numbers by hand, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from netspec.ir import TensorType
from netspec.ops.base import Op, OpError
from netspec.ops.reads import ALL, Window

Parse = Callable[[str], Op]


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        ("conv_transpose: {out_channels: 8, kernel_size: 2, stride: 2}", (16, 7, 7), (8, 14, 14)),
        ("conv_transpose: {out_channels: 8, kernel_size: 4, stride: 2, padding: 1}", (16, 8), (8, 16)),
        (
            "conv_transpose: {out_channels: 1, kernel_size: 3, stride: 2, padding: 1, output_padding: 1}",
            (4, 5),
            (1, 10),
        ),
        ("interpolate: {scale_factor: 1.5}", (3, 5), (3, 7)),
        ("interpolate: {size: [4, 9], mode: bicubic}", (3, 5, 5), (3, 4, 9)),
    ],
)
def test_shapes(parse: Parse, layer: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert parse(layer).infer(TensorType(shape)).shape == expected


def test_each_element_adds_its_kernel(parse: Parse, trial: Callable[..., Any]) -> None:
    """[1, 10] with the kernel [1, 2, 3] at stride 2: 1, 2, 3 + 10, 20, 30."""
    case = trial(parse("conv_transpose: {out_channels: 1, kernel_size: 3, stride: 2, bias: false}"), (1, 2))
    case.module.state_dict()["layer.weight"].copy_(torch.tensor([[[1.0, 2.0, 3.0]]]))
    assert case.torch([torch.tensor([[[1.0, 10.0]]])]).tolist() == [[[1.0, 2.0, 13.0, 20.0, 30.0]]]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("interpolate: {scale_factor: 2}", [0.0, 0.0, 4.0, 4.0]),
        ("interpolate: {scale_factor: 2, mode: linear}", [0.0, 1.0, 3.0, 4.0]),
        ("interpolate: {size: 5, mode: linear, align_corners: true}", [0.0, 1.0, 2.0, 3.0, 4.0]),
    ],
)
def test_between_two_numbers(parse: Parse, trial: Callable[..., Any], layer: str, expected: list[float]) -> None:
    """0 and 4 stand at 1/4 and 3/4 of the axis, or at its ends where corners are aligned."""
    case, input = trial(parse(layer), (1, 2)), torch.tensor([[[0.0, 4.0]]])
    [onnx] = case.session.run(None, {"x0": input.numpy()})
    assert case.torch([input]).tolist() == [[expected]] and onnx.tolist() == [[expected]]


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (
            "conv_transpose: {out_channels: 1, kernel_size: 3, output_padding: 1}",
            (1, 5),
            "output_padding 1 must be smaller than the stride 1 or the dilation 1",
        ),
        (
            "conv_transpose: {out_channels: 3, kernel_size: 3, groups: 2}",
            (2, 5),
            "out_channels 3 is not divisible by groups 2",
        ),
        (
            "conv_transpose: {out_channels: 1, kernel_size: 1, padding: 3}",
            (1, 5),
            "the padding leaves nothing: the output would be (-1)",
        ),
        ("interpolate", (1, 5), "interpolate needs either `size` or `scale_factor`"),
        ("interpolate: {size: 3, scale_factor: 2}", (1, 5), "interpolate needs either `size` or `scale_factor`"),
        ("interpolate: {size: 3, mode: bilinear}", (1, 5), "mode bilinear takes 2 space axes, but the input has 1"),
        ("interpolate: {size: 3, align_corners: true}", (1, 5), "mode nearest has no align_corners"),
        ("interpolate: {scale_factor: 0.1}", (1, 5), "the output would be (0)"),
        ("interpolate: {size: [3, 3]}", (1, 5), "size has 2 entries, but the input has 1 space axis"),
    ],
)
def test_refusals(parse: Parse, layer: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(TensorType(shape))
    assert str(caught.value) == message


def test_reads(parse: Parse) -> None:
    x = TensorType((2, 9))
    assert parse("conv_transpose: {out_channels: 2, kernel_size: 3, padding: 1}").reads(2, x) == Window(1, -1, 1)
    assert parse("conv_transpose: {out_channels: 2, kernel_size: 2, stride: 2}").reads(2, x) == ALL
