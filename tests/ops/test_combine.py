"""Ops of several inputs: how shapes must fit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

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
        ("add", [(3, 4), (4,)], "add needs inputs of equally many axes, got [3, 4] and [4]", "shape-mismatch"),
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
