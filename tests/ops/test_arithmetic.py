"""The arithmetic that ops print, worked out: it must give the sizes and the parameters that they have."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

import pytest

from netspec.ops.base import Example, Op, trainable
from netspec.ops.registry import ops
from netspec.ops.sliding import SlidingWindow

Parse = Callable[[str], Op]

EXAMPLES = [example for op in ops().values() for example in op.examples]
PLACES = {"floor": math.floor, "ceil": math.ceil}
OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}


def value(text: str) -> float:
    """A small calculator: `floor((28 - 5)/2) + 1`."""

    def of(node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return node.value
            case ast.BinOp():
                return OPERATORS[type(node.op)](of(node.left), of(node.right))
            case ast.Call(func=ast.Name(id=name), args=[argument]):
                return PLACES[name](of(argument))
        raise AssertionError(text)

    return float(of(ast.parse(text, mode="eval").body))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.layer)
def test_the_sizes_follow_from_their_arithmetic(example: Example, parse: Parse) -> None:
    op = parse(example.layer)
    types = example.types
    text = op.explain_size(*types)
    if text is None:
        return
    pairs = [part.rsplit(" = ", 1) for part in text.split(", ")]
    assert all(value(formula) == int(result) for formula, result in pairs)
    assert {int(result) for _, result in pairs} == set(op.infer_all(*types)[0].shape[1:])


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.layer)
def test_the_parameters_follow_from_their_arithmetic(example: Example, parse: Parse) -> None:
    op = parse(example.layer)
    types = example.types
    text = op.explain(*types)
    assert (value(text) if text else 0) == trainable(op.params(*types))


@pytest.mark.parametrize(
    ("window", "text"),
    [
        (SlidingWindow(28, 5), "(28 - 5)/1 + 1 = 24"),
        (SlidingWindow(224, 7, 2, 3, 3), "floor((224 + 2*3 - 7)/2) + 1 = 112"),
        (SlidingWindow(9, 3, 2, 1, 1), "(9 + 2*1 - 3)/2 + 1 = 5"),
        (SlidingWindow(11, 4, 1, 4, 5, 3), "(11 + 4 + 5 - (3*(4 - 1) + 1))/1 + 1 = 11"),
        (SlidingWindow(5, 2, 2, ceil=True), "ceil((5 - 2)/2) + 1 = 3"),
        # The third window would start in the right padding.
        (SlidingWindow(4, 2, 3, 1, 1, ceil=True), "ceil((4 + 2*1 - 2)/3) + 1 - 1 = 2"),
    ],
)
def test_the_arithmetic_of_a_window(window: SlidingWindow, text: str) -> None:
    assert window.arithmetic == text
