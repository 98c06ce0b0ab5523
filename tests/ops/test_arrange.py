"""Padding, flips, rolls, repeats, shuffles: elements by hand, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from netspec.ir import DType, TensorType
from netspec.ops.base import Op, OpError
from netspec.ops.reads import ALL, REVERSE, Window

Parse = Callable[[str], Op]


@pytest.mark.parametrize(
    ("layer", "before", "after"),
    [
        ("pad: [1, 2]", [1, 2, 3], [0, 1, 2, 3, 0, 0]),
        ("pad: {pad: [-1, 1], value: 9}", [1, 2, 3], [2, 3, 9]),
        ("pad: {pad: [2, 0], mode: reflect}", [1, 2, 3], [3, 2, 1, 2, 3]),
        ("pad: {pad: [0, 2], mode: replicate}", [1, 2, 3], [1, 2, 3, 3, 3]),
        ("flip: 1", [1, 2, 3], [3, 2, 1]),
        ("roll: {shifts: 1, dims: 1}", [1, 2, 3], [3, 1, 2]),
        ("roll: {shifts: -1, dims: 1}", [1, 2, 3], [2, 3, 1]),
        ("repeat_interleave: 2", [1, 2], [1, 1, 2, 2]),
        ("tile: 2", [1, 2], [1, 2, 1, 2]),
        ("cumsum: 1", [1, 2, 3], [1, 3, 6]),
    ],
)
def test_elements(parse: Parse, trial: Callable[..., Any], layer: str, before: list[float], after: list[float]) -> None:
    case = trial(parse(layer), (len(before),))
    input = torch.tensor([before], dtype=torch.float32)
    [onnx] = case.session.run(None, {"x0": input.numpy()})
    assert case.torch([input]).tolist() == onnx.tolist() == [after]


@pytest.mark.parametrize(
    ("layer", "before", "after"),
    [
        ("pad: {pad: [1, 0], mode: circular}", [[1, 2, 3]], [[3, 1, 2, 3]]),
        ("channel_shuffle: 2", [[1], [2], [3], [4]], [[1], [3], [2], [4]]),
        ("pixel_shuffle: 2", [[[1]], [[2]], [[3]], [[4]]], [[[1, 2], [3, 4]]]),
        ("pixel_unshuffle: 2", [[[1, 2], [3, 4]]], [[[1]], [[2]], [[3]], [[4]]]),
        ("pad: [1, 0, 0, 1]", [[1], [2]], [[0, 1], [0, 2], [0, 0]]),
    ],
)
def test_elements_of_matrices(
    parse: Parse, trial: Callable[..., Any], layer: str, before: list[Any], after: list[Any]
) -> None:
    input = torch.tensor([before], dtype=torch.float32)
    case = trial(parse(layer), tuple(input.shape[1:]))
    [onnx] = case.session.run(None, {"x0": input.numpy()})
    assert case.torch([input]).tolist() == onnx.tolist() == [after]


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        ("pad: [1, 2, 3]", (4, 4), "pad [1, 2, 3] is no pair for each of some last axes of [4, 4]"),
        ("pad: [1, 2, 3, 4]", (4,), "pad [1, 2, 3, 4] is no pair for each of some last axes of [4]"),
        ("pad: [-2, -2]", (4,), "pad [-2, -2] leaves nothing of [4]"),
        ("pad: {pad: [4, 0], mode: reflect}", (2, 4), "reflect padding 4 must be smaller than the size 4"),
        ("pad: {pad: [0, 5], mode: circular}", (2, 4), "circular padding 5 must not exceed the size 4"),
        ("pad: {pad: [-1, 0], mode: replicate}", (2, 4), "mode replicate takes no negative numbers"),
        ("pad: {pad: [1, 0], mode: reflect, value: 1}", (2, 4), "mode reflect takes no value"),
        (
            "pad: {pad: [1, 1], mode: reflect}",
            (2, 4, 4),
            "mode reflect pads the last one to three axes of [channels, *space], all of the space; got 1 of [2, 4, 4]",
        ),
        ("roll: {shifts: [1, 2], dims: 1}", (4,), "2 shifts for 1 dims"),
        ("roll: {shifts: [1, 2], dims: [1, -1]}", (4,), "dims [1, -1] names an axis twice"),
        ("flip: 2", (4,), "there is no axis 2: a sample's axes are 1 to 1"),
        ("tile: [2, 2]", (4,), "dims [2, 2] has more entries than [4] has axes"),
        ("channel_shuffle: 3", (4, 2), "4 channels are not divisible by groups 3"),
        ("pixel_shuffle: 2", (6, 2, 2), "6 channels are not divisible by upscale_factor 2 squared"),
        ("pixel_unshuffle: 2", (1, 3, 4), "(3, 4) is not divisible by downscale_factor 2"),
    ],
)
def test_refusals(parse: Parse, layer: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(TensorType(shape))
    assert str(caught.value) == message


def test_integers_are_padded_with_integers(parse: Parse) -> None:
    tokens = TensorType((4,), DType.INT64)
    assert parse("pad: {pad: [1, 0], value: 2}").infer(tokens) == TensorType((5,), DType.INT64)
    with pytest.raises(OpError, match=r"value 0.5 is no integer, but the input is int64"):
        parse("pad: {pad: [1, 0], value: 0.5}").infer(tokens)


def test_reads(parse: Parse) -> None:
    x = TensorType((6,))
    assert parse("pad: [2, 0]").reads(1, x) == Window(1, -2, -2)
    assert parse("flip: 1").reads(1, x) == REVERSE
    assert parse("roll: {shifts: 2, dims: 1}").reads(1, x) == ALL
    assert parse("cumsum: 1").reads(1, x) == Window(1, -5, 0)
