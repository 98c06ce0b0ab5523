"""Convolutions worked by hand: sizes, limits, formulas and the text of their modules."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from netspec.ir import TensorType
from netspec.ops.base import Op, OpError
from netspec.ops.reads import ALL, POINTWISE, Window

Parse = Callable[[str], Op]


def test_the_lectures_first_layer(parse: Parse) -> None:
    op, image = parse("conv: {out_channels: 20, kernel_size: 5}"), TensorType((1, 28, 28))
    assert op.infer(image).shape == (20, 24, 24)
    assert op.explain(image) == "(1*5*5 + 1) * 20"
    assert op.macs(image) == 24 * 24 * 20 * 25
    assert parse("conv: {out_channels: 20, kernel_size: 5}").explain(TensorType((3, 32, 32))) == "(3*5*5 + 1) * 20"


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        ("{kernel_size: 40}", (3, 32, 32), "kernel (40, 40) exceeds the input (32, 32)"),
        ("{kernel_size: 40, padding: 1}", (3, 32, 32), "kernel (40, 40) exceeds the padded input (34, 34)"),
        (
            "{kernel_size: 5, dilation: 8}",
            (3, 32, 40),
            "kernel (5, 5) covers (33, 33) with its dilation, which exceeds the input (32, 40)",
        ),
        ("{kernel_size: 1, groups: 2}", (3, 5), "in_channels 3 is not divisible by groups 2"),
        ("{kernel_size: 1, groups: 3}", (3, 5), "out_channels 4 is not divisible by groups 3"),
        ("{kernel_size: [1, 1]}", (3, 5), "kernel_size has 2 entries, but the input has 1 space axis"),
        ("{kernel_size: 3, stride: [1]}", (3, 5, 5), "stride has 1 entries, but the input has 2 space axes"),
        ("{kernel_size: 3, stride: 2, padding: same}", (3, 5), "padding `same` is defined for stride 1 only"),
        ("{kernel_size: 3}", (5,), "conv needs [channels, *space] with one to three space axes, got [5]"),
        (
            "{kernel_size: 3}",
            (1, 2, 3, 4, 5),
            "conv needs [channels, *space] with one to three space axes, got [1, 2, 3, 4, 5]",
        ),
        (
            "{kernel_size: 3, padding: 5, padding_mode: reflect}",
            (1, 5, 9),
            "reflect padding (5, 5) must be smaller than the input (5, 9)",
        ),
        (
            "{kernel_size: 3, padding: 6, padding_mode: circular}",
            (1, 5),
            "circular padding (6) must not exceed the input (5)",
        ),
    ],
)
def test_refusals_name_the_value_and_the_limit(parse: Parse, layer: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(f"conv: {layer[:-1]}, out_channels: 4}}").infer(TensorType(shape))
    assert str(caught.value) == message


def test_a_kernel_that_does_not_fit_shows_the_arithmetic(parse: Parse) -> None:
    with pytest.raises(OpError) as caught:
        parse("conv: {out_channels: 1, kernel_size: 9, padding: 1, stride: 2}").infer(TensorType((1, 5)))
    assert caught.value.attr == "kernel_size"
    assert caught.value.help == "the output's size would be floor((5 + 1 + 1 - 1*(9 - 1) - 1)/2) + 1 = 0"


@pytest.mark.parametrize(("mode", "most"), [("reflect", 4), ("circular", 5), ("replicate", 40)])
def test_the_widest_margin_of_each_mode_is_torchs(parse: Parse, mode: str, most: int) -> None:
    pad_mode = {"zeros": "constant"}.get(mode, mode)
    torch.nn.functional.pad(torch.zeros(1, 1, 5), (most, most), mode=pad_mode)
    assert parse(f"conv: {{out_channels: 1, kernel_size: 1, padding: {most}, padding_mode: {mode}}}").infer(
        TensorType((1, 5))
    )
    if mode != "replicate":
        with pytest.raises(RuntimeError):
            torch.nn.functional.pad(torch.zeros(1, 1, 5), (most + 1, most + 1), mode=pad_mode)


def test_same_pads_one_more_at_the_end_for_an_even_kernel(parse: Parse) -> None:
    op, row = parse("conv: {out_channels: 1, kernel_size: 4, padding: same}"), TensorType((1, 9))
    assert op.infer(row).shape == (1, 9)
    assert op.reads(2, row) == Window(stride=1, lo=-1, hi=2)


def test_reads_follow_stride_dilation_and_padding(parse: Parse) -> None:
    op, image = (
        parse("conv: {out_channels: 4, kernel_size: 3, stride: 2, dilation: 2, padding: [1, 0]}"),
        TensorType((4, 9, 9)),
    )
    assert op.reads(1, image) == ALL
    assert op.reads(2, image) == Window(stride=2, lo=-1, hi=3)
    assert op.reads(3, image) == Window(stride=2, lo=0, hi=4)


def test_depthwise_reads_its_own_channel(parse: Parse) -> None:
    image = TensorType((4, 9))
    assert parse("conv: {out_channels: 4, kernel_size: 3, groups: 4}").reads(1, image) == POINTWISE
    assert parse("conv: {out_channels: 8, kernel_size: 3, groups: 4}").reads(1, image) == ALL
    assert parse("conv: {out_channels: 4, kernel_size: 3, groups: 4}").explain(image) == "(1*3 + 1) * 4"


def test_wrapped_margins_reach_across_the_axis(parse: Parse) -> None:
    layer = "conv: {out_channels: 1, kernel_size: 3, padding: [1, 0], padding_mode: circular}"
    op, image = parse(layer), TensorType((1, 9, 9))
    assert op.reads(2, image) == ALL
    assert op.reads(3, image) == Window(stride=1, lo=0, hi=2)
