"""Attention in shifted windows, against a writing in plain loops: window by window, head by head, pair by pair."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import numpy as np
import pytest
import torch

from netspec.backends.torch import build
from netspec.ir import DType, TensorType, symbol
from netspec.ops.base import OpError
from netspec.ops.window_attention import ShiftedWindowAttention

CASES = [
    (4, 6, 2, 0),
    (4, 6, 2, 1),
    (5, 7, (2, 3), (1, 2)),
    (7, 7, 7, 3),
    (3, 8, 4, 2),
    (8, 8, (4, 2), (0, 1)),
    (6, 5, (3, 4), (1, 0)),
]


def attended(state: dict[str, torch.Tensor], map: torch.Tensor, window: Any, shift: Any, heads: int) -> torch.Tensor:
    """One sample [height, width, channels]: each place attends to those of its window that lie on its side."""
    (rows, columns), (down, across) = ((each, each) if isinstance(each, int) else each for each in (window, shift))
    height, width, channels = map.shape
    high, wide = -(-height // rows) * rows, -(-width // columns) * columns
    down, across = (down if high > rows else 0), (across if wide > columns else 0)
    padded = torch.zeros(high, wide, channels)
    padded[:height, :width] = map
    query, key, value = (padded @ state["qkv.weight"].T + state["qkv.bias"]).split(channels, dim=2)
    size, out = channels // heads, torch.zeros(high, wide, channels)

    def home(row: int, column: int) -> tuple[int, ...]:
        """The window that a place is in, and whether it has come around an edge."""
        row, column = row - down, column - across
        return row % high // rows, column % wide // columns, int(row < 0), int(column < 0)

    places = [(row, column) for row in range(high) for column in range(wide)]
    for here in places:
        others = [each for each in places if home(*each) == home(*here)]
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            scores = []
            for there in others:
                # Offsets in the shifted map, in which a window is a rectangle.
                (r, c), (u, v) = (((a - down) % high, (b - across) % wide) for a, b in (here, there))
                entry = (r - u + rows - 1) * (2 * columns - 1) + c - v + columns - 1
                bias = state["relative_position_bias_table"][entry, head]
                scores.append(query[here][part] @ key[there][part] / sqrt(size) + bias)
            weights = torch.stack(scores).softmax(0)
            out[here][part] = sum(w * value[there][part] for w, there in zip(weights, others, strict=True))
    return (out @ state["proj.weight"].T + state["proj.bias"])[:height, :width]


@pytest.mark.parametrize(("height", "width", "window", "shift"), CASES)
def test_it_is_attention_in_windows(
    height: int, width: int, window: Any, shift: Any, trial: Callable[..., Any]
) -> None:
    op = ShiftedWindowAttention(window_size=window, shift_size=shift, num_heads=2)
    case = trial(op, (height, width, 4))
    state = {name.removeprefix("layer."): each for name, each in case.module.state_dict().items()}
    [inputs] = case.inputs(2)
    expected = torch.stack([attended(state, sample, window, shift, 2) for sample in inputs])
    torch.testing.assert_close(case.torch([inputs]), expected, rtol=1e-4, atol=1e-4)
    case.assert_onnx_agrees(2)


def test_the_state_is_torchvisions(trial: Callable[..., Any]) -> None:
    """Names, order, shapes and types those of torchvision's `ShiftedWindowAttention(96, 7, 3, 3)`."""
    module = build(trial(ShiftedWindowAttention(window_size=7, shift_size=3, num_heads=3), (56, 56, 96)).graph)
    found = {name: (*each.shape,) for name, each in module.layer.state_dict().items()}  # type: ignore[union-attr]
    assert found == {
        "relative_position_bias_table": (169, 3),
        "relative_position_index": (2401,),
        "qkv.weight": (288, 96),
        "qkv.bias": (288,),
        "proj.weight": (96, 96),
        "proj.bias": (96,),
    }
    table = module.state_dict()["layer.relative_position_bias_table"]
    assert 0.015 < table.std() < 0.025 and table.abs().max() > 0


def test_the_index_is_that_of_the_paper(trial: Callable[..., Any]) -> None:
    """For windows of 2 x 2, written out by hand: (row - row' + 1)*3 + column - column' + 1."""
    module = build(trial(ShiftedWindowAttention(window_size=2, num_heads=1), (2, 2, 2)).graph)
    index = module.state_dict()["layer.relative_position_index"]
    assert index.dtype == torch.int64
    assert index.view(4, 4).tolist() == [[4, 3, 1, 0], [5, 4, 2, 1], [7, 6, 4, 3], [8, 7, 5, 4]]


def test_sizes_may_be_free(trial: Callable[..., Any]) -> None:
    op = ShiftedWindowAttention(window_size=2, shift_size=1, num_heads=2)
    free = TensorType((symbol("H", 3), symbol("W", 3), 4), DType.FLOAT32)
    case = trial(op, free)
    for height, width in ((3, 4), (5, 5), (6, 3)):
        fixed = trial(op, (height, width, 4))
        fixed.module.load_state_dict(case.module.state_dict())
        inputs = torch.randn(2, height, width, 4)
        expected = fixed.torch([inputs])
        torch.testing.assert_close(case.torch([inputs]), expected)
        [found] = case.session.run(None, {"x0": inputs.numpy()})
        np.testing.assert_allclose(found, expected.numpy(), atol=1e-5)


def test_what_the_shift_depends_on_must_be_known() -> None:
    op = ShiftedWindowAttention(window_size=2, shift_size=1, num_heads=2)
    with pytest.raises(OpError, match="whether windows of 2 are shifted depends on whether the size H is larger"):
        op.infer(TensorType((symbol("H"), 4, 4)))


@pytest.mark.parametrize(
    ("attributes", "shape", "message"),
    [
        ({"window_size": 4, "shift_size": 4}, (8, 8, 4), "shift_size 4 must be smaller than window_size 4"),
        ({"window_size": [2, 2, 2]}, (8, 8, 4), "window_size has 3 entries for the 2 axes of space"),
        ({"window_size": 2, "shift_size": [1]}, (8, 8, 4), "shift_size has 1 entries for the 2 axes of space"),
        ({"window_size": 2}, (8, 8), r"needs \[height, width, channels\], got \[8, 8\]"),
        ({"window_size": 2, "num_heads": 3}, (8, 8, 4), "4 channels are not divisible by num_heads 3"),
    ],
)
def test_it_refuses(attributes: dict[str, Any], shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(OpError, match=message):
        ShiftedWindowAttention.model_validate({"num_heads": 2, **attributes}).infer(TensorType(shape))


def test_attention_and_values_are_dropped_in_training_only(trial: Callable[..., Any]) -> None:
    for attribute in ("attention_dropout", "dropout"):
        op = ShiftedWindowAttention(window_size=2, num_heads=1, **{attribute: 0.5})
        case = trial(op, (4, 4, 4))
        inputs = case.inputs(2)
        plain = trial(ShiftedWindowAttention(window_size=2, num_heads=1), (4, 4, 4))
        plain.module.load_state_dict(case.module.state_dict())
        expected = plain.torch(inputs)
        torch.testing.assert_close(case.torch(inputs), expected)
        case.module.train()
        assert not torch.allclose(case.torch(inputs), expected)
