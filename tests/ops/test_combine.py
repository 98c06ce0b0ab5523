"""Ops of several inputs: how shapes must fit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch

from netspec.ir import DType, TensorType
from netspec.ops.base import Op, OpError

Parse = Callable[[str], Op]


@pytest.mark.parametrize(
    ("layer", "shapes", "expected"),
    [
        ("add", [(3, 4), (3, 4)], (3, 4)),
        ("mul", [(3, 4, 4), (3, 1, 1)], (3, 4, 4)),
        ("maximum", [(1, 4), (3, 1), (1, 1)], (3, 4)),
        ("sub", [(1,), (5,)], (5,)),
        ("add", [(3, 8, 4), (4,)], (3, 8, 4)),
        ("mul", [(), (3, 1), (2, 3, 4)], (2, 3, 4)),
        ("concat", [(3, 4), (2, 4), (1, 4)], (6, 4)),
        ("concat: -1", [(3, 4), (3, 1)], (3, 5)),
        ("stack", [(3, 4), (3, 4)], (2, 3, 4)),
        ("stack: -1", [(3,), (3,), (3,)], (3, 3)),
    ],
)
def test_shapes(parse: Parse, layer: str, shapes: list[tuple[int, ...]], expected: tuple[int, ...]) -> None:
    assert parse(layer).infer(*map(TensorType, shapes)).shape == expected


@pytest.mark.parametrize(
    ("layer", "shapes", "message", "code"),
    [
        (
            "add",
            [(256, 56, 56), (64, 56, 56)],
            "add needs equal shapes, got [256, 56, 56] and [64, 56, 56]",
            "shape-mismatch",
        ),
        ("add", [(3, 4), (3,)], "add needs equal shapes, got [3, 4] and [3]", "shape-mismatch"),
        ("concat", [(3, 4), (3,)], "concat needs inputs of equally many axes, got [3, 4] and [3]", "shape-mismatch"),
        ("div", [(3,), (2,)], "div needs equal shapes, got [3] and [2]", "shape-mismatch"),
        ("add", [(3,)], "add needs two inputs or more, got 1", "wrong-inputs"),
        ("concat", [], "concat needs two inputs or more, got 0", "wrong-inputs"),
        (
            "concat",
            [(3, 4), (3, 5)],
            "concat needs equal shapes but for axis 1, got [3, 4] and [3, 5]",
            "shape-mismatch",
        ),
        ("concat: 0", [(3,), (3,)], "dim 0 is the batch, which no layer may touch", "bad-attribute"),
        ("concat", [(), ()], "there is no axis 1: the input is one number a sample", "bad-attribute"),
        ("stack", [(3, 4), (3, 1)], "stack needs equal shapes, got [3, 4] and [3, 1]", "shape-mismatch"),
        ("stack: 3", [(3,), (3,)], "there is no axis 3: a sample's axes are 1 to 2", "bad-attribute"),
    ],
)
def test_refusals(parse: Parse, layer: str, shapes: list[tuple[int, ...]], message: str, code: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(*map(TensorType, shapes))
    assert (str(caught.value), caught.value.code) == (message, code)


@pytest.mark.parametrize("layer", ["add", "sub", "concat", "stack"])
def test_element_types_must_agree(parse: Parse, layer: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(TensorType((3,)), TensorType((3,), DType.INT64))
    assert str(caught.value) == f"{layer} needs inputs of one element type, got float32 and int64"
    assert caught.value.code == "dtype-mismatch"


def test_axes_that_are_missing_stand_behind_the_batch(parse: Parse, trial: Callable[..., Any]) -> None:
    """By hand: with three samples of [2, 3] and [3], each sample is added to its own row."""
    case = trial(parse("add"), (2, 3), (3,))
    matrix, vector = torch.arange(18.0).reshape(3, 2, 3), torch.tensor([[0.0], [100.0], [200.0]]).expand(3, 3)
    wanted = torch.stack([matrix[i] + vector[i] for i in range(3)])
    assert torch.equal(case.torch([matrix, vector]), wanted)
    [onnx] = case.session.run(None, {"x0": matrix.numpy(), "x1": vector.numpy()})
    assert torch.equal(torch.from_numpy(onnx), wanted)


@pytest.mark.parametrize("batched", [each for each in product([False, True], repeat=3) if not all(each)], ids=str)
@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        ("add", [(4,), (2, 3, 4), (3, 1)]),
        ("maximum", [(2, 4), (), (4,)]),
        ("concat: 2", [(2, 3), (2, 1), (2, 2)]),
        ("stack", [(3,), (3,), (3,)]),
        ("stack: -1", [(), (), ()]),
    ],
)
def test_what_is_the_same_for_every_sample(
    parse: Parse, trial: Callable[..., Any], layer: str, shapes: list[tuple[int, ...]], batched: tuple[bool, ...]
) -> None:
    """It gives what the op gives where it is repeated for every sample, with one shape, in both backends."""
    op = parse(layer)
    case = trial(op, *(TensorType(s, batched=b) for s, b in zip(shapes, batched, strict=True)))
    assert case.graph.outputs[0].type.batched == any(batched)
    case.assert_onnx_agrees(3)
    inputs = case.inputs(3)
    repeated = [each.expand(3, *each.shape[1:]) for each in inputs]
    wanted = trial(op, *shapes).torch(repeated)
    assert torch.equal(case.torch(inputs).expand_as(wanted), wanted)
