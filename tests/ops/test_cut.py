"""Parts of axes: sizes by hand, several outputs, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from netspec.backends.torch import emit
from netspec.ir import TensorType
from netspec.ops.base import Op, OpError
from netspec.ops.reads import Window

Parse = Callable[[str], Op]


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        ("select: {dim: 2, index: -1}", (3, 4, 5), [(3, 5)]),
        ("index_select: {dim: 1, index: [2, 0, 2, 1]}", (3, 4), [(4, 4)]),
        ("slice: {dim: 1, start: 2}", (5, 3), [(3, 3)]),
        ("slice: {dim: 1, end: -1, step: 2}", (6,), [(3,)]),
        ("slice: {dim: 1, start: -2}", (6,), [(2,)]),
        ("narrow: {dim: -1, start: 1, length: 3}", (2, 4), [(2, 3)]),
        ("chunk: 3", (7, 2, 2), [(3, 2, 2), (3, 2, 2), (1, 2, 2)]),
        ("split: 3", (7,), [(3,), (3,), (1,)]),
        ("split: {split_size_or_sections: [1, 4], dim: 2}", (2, 5), [(2, 1), (2, 4)]),
    ],
)
def test_shapes(parse: Parse, layer: str, shape: tuple[int, ...], expected: list[tuple[int, ...]]) -> None:
    assert [each.shape for each in parse(layer).infer_all(TensorType(shape))] == expected


@pytest.mark.parametrize(
    ("layer", "shape", "message", "attr"),
    [
        ("select: {dim: 1, index: 3}", (3, 4), "index 3 is outside axis 1, whose size is 3", "index"),
        ("index_select: {dim: 1, index: [0, 3]}", (3, 4), "index 3 is outside axis 1, whose size is 3", "index"),
        (
            "slice: {dim: 1, start: 3, end: 2}",
            (5,),
            "slice from 3 to 2 is empty or outside axis 1, whose size is 5",
            "start",
        ),
        ("slice: {dim: 1, end: 9}", (5,), "slice from 0 to 9 is empty or outside axis 1, whose size is 5", "start"),
        (
            "narrow: {dim: 1, start: 4, length: 2}",
            (5,),
            "narrow from 4 to 6 is empty or outside axis 1, whose size is 5",
            "start",
        ),
        ("chunk: 4", (3, 4), "chunk along which axis of [3, 4]?", "chunks"),
        ("chunk: 4", (5,), "axis 1, whose size is 5, has no 4 chunks of 2", "chunks"),
        (
            "split: [2, 2]",
            (5, 3),
            "the sections [2, 2] sum to 4, but the size of axis 1 is 5",
            "split_size_or_sections",
        ),
        ("split: 1", (1000,), "split makes 1,000 parts of axis 1; the limit is 256", "split_size_or_sections"),
    ],
)
def test_refusals(parse: Parse, layer: str, shape: tuple[int, ...], message: str, attr: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(TensorType(shape))
    assert (str(caught.value), caught.value.attr) == (message, attr)


def test_the_parts_come_in_order_in_both_backends(parse: Parse, trial: Callable[..., Any]) -> None:
    case = trial(parse("chunk: {chunks: 2, dim: 1}"), (3,))
    parts = case.all_outputs([torch.tensor([[1.0, 2.0, 3.0]])])
    assert [part.tolist() for part in parts] == [[[1.0, 2.0]], [[3.0]]]
    case.assert_onnx_agrees(2)


def test_every_other_position_is_a_window(parse: Parse) -> None:
    assert parse("slice: {dim: 1, start: 1, step: 2}").reads(1, TensorType((6,))) == Window(2, 1, 1)


def test_slices_are_written_as_people_write_them(parse: Parse, trial: Callable[..., Any]) -> None:
    assert "x0[:, :, 1:-1]" in emit(trial(parse("slice: {dim: 2, start: 1, end: -1}"), (3, 4)).graph)
    assert "x0[:, ::2]" in emit(trial(parse("slice: {dim: 1, step: 2}"), (3, 4)).graph)
