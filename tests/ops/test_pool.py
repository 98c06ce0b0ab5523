"""Pools worked by hand: the rules of `ceil_mode`, of padding that counts, and of windows given by the output's size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from netspec.ir import TensorType
from netspec.ops.base import Op, OpError
from netspec.ops.pool_adaptive import Division
from netspec.ops.reads import ALL, POINTWISE, Window
from netspec.ops.sliding import SlidingWindow

Parse = Callable[[str], Op]


@pytest.mark.parametrize(
    ("window", "count", "overhang"),
    [
        # 0 1 2 3 4: windows at 0, 2 and, rounded up, at 4, which hangs over by one.
        (SlidingWindow(5, 2, 2, ceil=True), 3, 1),
        (SlidingWindow(5, 2, 2), 2, 0),
        # p 0 1 2 3 p: windows start at p and 2; a third would start in the right padding.
        (SlidingWindow(4, 2, 3, 1, 1, ceil=True), 2, 0),
        # One element, a window of two: it starts inside.
        (SlidingWindow(1, 2, 2, ceil=True), 1, 1),
        # A dilated window covers 0, 3, 6: one position, then one that starts at 3 and hangs over by two.
        (SlidingWindow(8, 3, 3, dilation=3, ceil=True), 2, 2),
        (SlidingWindow(8, 3, 3, dilation=3), 1, 0),
        # Far too large: no position at all.
        (SlidingWindow(3, 8, 1), -4, 0),
    ],
)
def test_positions_of_a_window(window: SlidingWindow, count: int, overhang: int) -> None:
    assert (window.count, window.overhang) == (count, overhang)
    if count > 0:
        pool = torch.nn.MaxPool1d(window.kernel, window.stride, window.before, window.dilation, ceil_mode=window.ceil)
        assert pool(torch.zeros(1, 1, window.size)).shape[2] == count


def test_stride_left_out_is_the_kernel(parse: Parse) -> None:
    assert parse("max_pool: [2, 3]").infer(TensorType((1, 7, 7))).shape == (1, 3, 2)
    assert parse("max_pool: [2, 3]").reads(3, TensorType((1, 7, 7))) == Window(stride=3, lo=0, hi=2)


def test_channels_are_pooled_each_alone(parse: Parse) -> None:
    assert parse("max_pool: 2").reads(1, TensorType((4, 8, 8))) == POINTWISE
    assert parse("adaptive_max_pool: 1").reads(1, TensorType((4, 8, 8))) == POINTWISE


def both(op: Op, x: torch.Tensor, trial: Callable[..., Any]) -> tuple[list[float], list[float]]:
    """What PyTorch and ONNX Runtime give for one channel of one sample."""
    case = trial(op, tuple(x.shape[1:]))
    onnx: np.ndarray[Any, Any] = case.session.run(["y0"], {"x0": x.numpy()})[0]
    return case.torch([x]).flatten().tolist(), onnx.flatten().tolist()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        # 0 | 2 4 6 8 | 0 by threes, two apart: (0 2 4), (4 6 8), and rounded up (8 0) where one zero is padding.
        ("padding: 1", [2.0, 6.0]),
        ("padding: 1, ceil_mode: true", [2.0, 6.0, 4.0]),
        ("padding: 1, ceil_mode: true, count_include_pad: false", [3.0, 6.0, 8.0]),
        ("ceil_mode: true", [4.0, 7.0]),
    ],
)
def test_what_counts_in_a_mean(parse: Parse, trial: Callable[..., Any], options: str, expected: list[float]) -> None:
    op = parse(f"avg_pool: {{kernel_size: 3, stride: 2, {options}}}")
    torchs, onnxs = both(op, torch.tensor([[[2.0, 4.0, 6.0, 8.0]]]), trial)
    assert torchs == pytest.approx(expected) and onnxs == pytest.approx(expected)


def test_divisor_override_divides_the_sum(parse: Parse, trial: Callable[..., Any]) -> None:
    op = parse("avg_pool: {kernel_size: 2, divisor_override: 5}")
    torchs, onnxs = both(op, torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]), trial)
    assert torchs == pytest.approx([2.0]) and onnxs == pytest.approx([2.0])


def test_l2_pooling_is_the_root_of_the_sum_of_squares(parse: Parse, trial: Callable[..., Any]) -> None:
    torchs, onnxs = both(parse("lp_pool: {norm_type: 2, kernel_size: 2}"), torch.tensor([[[3.0, -4.0]]]), trial)
    assert torchs == pytest.approx([5.0]) and onnxs == pytest.approx([5.0])


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        ("max_pool: 3", (4, 2, 2), "kernel (3, 3) exceeds the input (2, 2)"),
        ("max_pool: {kernel_size: 3, padding: 2}", (4, 9), "padding (2) exceeds half of the kernel (3)"),
        ("avg_pool: {kernel_size: 2, divisor_override: 3}", (4, 9), "divisor_override needs two or three space axes"),
        ("avg_pool: {kernel_size: 3, padding: 1}", (4, 2, 2, 2), "kernel (3, 3, 3) exceeds the input (2, 2, 2)"),
        ("adaptive_avg_pool: [1, 1]", (4, 9), "output_size has 2 entries, but the input has 1 space axis"),
        ("adaptive_avg_pool: 1", (9,), "adaptive_avg_pool needs [channels, *space]"),
    ],
)
def test_refusals_name_the_value_and_the_limit(parse: Parse, layer: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(TensorType(shape))
    assert str(caught.value).startswith(message)


def test_division_of_seven_into_three() -> None:
    """By hand: [0, 3), [2, 5), [4, 7), as torch's start and end indices."""
    division = Division(7, 3)
    assert [list(span) for span in division.ranges] == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]
    assert (division.width, division.is_even, division.reads()) == (3, False, ALL)
    assert [len(span) for span in Division(8, 3).ranges] == [3, 4, 3]


def test_even_divisions_are_windows() -> None:
    assert Division(12, 3).reads() == Window(stride=4, lo=0, hi=3)
    assert Division(12, 12).reads() == POINTWISE
    assert Division(12, 1).reads() == ALL


@pytest.mark.parametrize(
    ("layer", "nodes"),
    [
        ("adaptive_avg_pool: 1", ["GlobalAveragePool"]),
        ("adaptive_avg_pool: 3", ["AveragePool"]),
        ("adaptive_max_pool: 1", ["GlobalMaxPool"]),
        ("max_pool: {kernel_size: 4, ceil_mode: true}", ["MaxPool"]),
        ("lp_pool: {norm_type: 2, kernel_size: 2}", ["LpPool"]),
    ],
)
def test_native_operators_where_they_exist(
    parse: Parse, trial: Callable[..., Any], layer: str, nodes: list[str]
) -> None:
    graph = trial(parse(layer), (2, 6, 9)).onnx.graph
    assert [node.op_type for node in graph.node if node.op_type != "Identity"] == nodes


def test_larger_than_the_input_repeats_elements(parse: Parse, trial: Callable[..., Any]) -> None:
    torchs, onnxs = both(parse("adaptive_max_pool: 5"), torch.tensor([[[1.0, 5.0, 2.0]]]), trial)
    assert torchs == onnxs == [1.0, 5.0, 5.0, 5.0, 2.0]
