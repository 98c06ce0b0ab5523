"""Equations: against torch, sample by sample; their text; and where mistakes are pointed at."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from netspec.backends.torch import emit
from netspec.ir import DType, TensorType
from netspec.lang.tokens import ExpressionError
from netspec.ops.base import Op, OpError
from netspec.ops.calc import Calc
from netspec.ops.equation import MAX_DEPTH, calc_names
from netspec.ops.reads import ALL, NEW, POINTWISE

Trial = Callable[..., Any]

TORCH = {
    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu, "exp": torch.exp, "log": torch.log,
    "sqrt": torch.sqrt, "abs": torch.abs, "where": torch.where, "softmax": lambda x: x.softmax(-1),
    "sum": lambda x: x.sum(-1), "mean": lambda x: x.mean(-1), "max": lambda x: x.amax(-1),
}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("sigmoid(a) * b + sigmoid(b) * tanh(c)", [(3,), (3,), (3,)]),
        ("a - b - c / a ** 2", [(2, 3), (3,), ()]),
        ("-a ** 2 + (-a) ** 2", [(3,)]),
        ("2 ** abs(a) / (1 + exp(-a))", [(3,)]),
        ("1 - a", [(4,)]),
        ("3 / (1 + abs(a))", [(4,)]),
        ("where(a >= 0, log(1 + abs(a)), 0)", [(3, 2)]),
        ("where(0.5 < a, 1.0, 0.0)", [(3, 2)]),
        ("where(a == a, sqrt(abs(b)), b)", [(3,), (2, 3)]),
        ("where(a != a, b, relu(b))", [(3,), (2, 3)]),
        ("softmax(a @ b) @ c", [(3, 4), (4, 5), (5, 2)]),
        ("a @ b", [(3, 4), (4,)]),
        ("a @ b", [(4,), (4, 3)]),
        ("a @ b", [(4,), (4,)]),
        ("a @ b", [(4,), (2, 4, 3)]),
        ("a @ b", [(2, 3, 4), (4,)]),
        ("a @ b", [(2, 3, 4), (4, 5)]),
        ("a @ b", [(3, 4), (2, 4, 5)]),
        ("a * b @ a", [(4,), (4,)]),
        ("mean(a) + max(b) * sum(a)", [(3, 4), (3, 2)]),
        ("+a + -(-b)", [(2,), (2,)]),
    ],
)
def test_it_is_what_torch_gives_for_each_sample_alone(trial: Trial, text: str, shapes: list[tuple[int, ...]]) -> None:
    """The batch must make no difference: Python evaluates the text on the tensors of one sample after the other."""
    case = trial(Calc(expression=text), *shapes)
    inputs = case.inputs(3)
    alone = [eval(text, TORCH, dict(zip("abc", (x[i] for x in inputs), strict=False))) for i in range(3)]
    torch.testing.assert_close(case.torch(inputs), torch.stack(alone))
    for batch in (1, 3):
        case.assert_onnx_agrees(batch)


@pytest.mark.parametrize("unbatched", [0, 1])
@pytest.mark.parametrize(
    ("text", "shapes"), [("a + b", [(4,), (3, 4)]), ("a @ b", [(3, 4), (4,)]), ("a @ b", [(3,), (3, 4)])]
)
def test_what_is_the_same_for_every_sample(
    trial: Trial, unbatched: int, text: str, shapes: list[tuple[int, ...]]
) -> None:
    types = [TensorType(shape, batched=i != unbatched) for i, shape in enumerate(shapes)]
    case = trial(Calc(expression=text), *types)
    a, b = (each.expand(3, *each.shape[1:]) for each in case.inputs(3))
    wanted = torch.stack([eval(text, {"a": a[i], "b": b[i]}) for i in range(3)])
    a, b = (each if i != unbatched else each[:1] for i, each in enumerate((a, b)))
    torch.testing.assert_close(case.torch([a, b]), wanted)
    case.assert_onnx_agrees(3)


def test_names_are_inputs_in_order_of_first_use_but_for_constants() -> None:
    assert calc_names("sigmoid(g.1) * c + g.0 * c") == ("g.1", "c", "g.0")
    assert Calc(expression="p * x + y", constants={"p": 2}).names == ("x", "y")
    assert hash(Calc(expression="p * x", constants={"p": 2})) == hash(Calc(expression="p * x", constants=(("p", 2),)))


def test_the_text_reads_like_the_equation(trial: Trial) -> None:
    case = trial(Calc(expression="sigmoid(f) * c + 2 * i"), (3,), (3,), (3,))
    assert "torch.sigmoid(x0) * x1 + 2 * x2" in emit(case.graph)


def test_numbers_are_computed_once(trial: Trial) -> None:
    op = Calc(expression="x * sqrt(d) / 2 ** 3 * (1 + 1)", constants={"d": 16})
    assert trial(op, (1,)).torch([torch.tensor([[3.0]])]).tolist() == [[3.0]]
    assert "x0 * 4.0 / 8 * 2" in emit(trial(op, (1,)).graph)


@pytest.mark.parametrize(
    ("text", "shapes", "macs"),
    [
        ("a @ b", [(3, 4), (4, 5)], 60),
        ("a * b", [(3,), (3,)], 0),
        ("sum(a @ b) + sum(b @ c)", [(2, 3), (3, 3), (3,)], 27),
    ],
)
def test_macs_are_those_of_the_products(text: str, shapes: list[tuple[int, ...]], macs: int) -> None:
    """By hand: 3*4*5; nothing; 2*3*3 + 3*3."""
    assert Calc(expression=text).macs(*map(TensorType, shapes)) == macs


@pytest.mark.parametrize(
    ("text", "shapes", "expected"),
    [
        ("a + b", [(3, 4), (4,)], [[(POINTWISE, 1), (NEW, None)], [(POINTWISE, 2), (POINTWISE, 1)]]),
        ("softmax(a) * b", [(4,), (4,)], [[(ALL, 1), (POINTWISE, 1)]]),
        ("a @ b", [(3, 4), (4, 5)], [[(POINTWISE, 1), (NEW, None)], [(NEW, None), (POINTWISE, 2)]]),
        ("a @ a", [(4, 4)], [[(ALL, 1)], [(ALL, 2)]]),
        ("a + sum(a)", [(4, 4)], [[(ALL, 1)], [(ALL, 2)]]),
        ("a + b @ sum(a)", [(3, 4), (4, 3)], [[(ALL, 1), (NEW, None)], [(ALL, 2), (POINTWISE, 1)]]),
    ],
)
def test_reads(text: str, shapes: list[tuple[int, ...]], expected: list[list[Any]]) -> None:
    op, types = Calc(expression=text), [TensorType(shape) for shape in shapes]
    found = [[op.reads_of(port, dim + 1, *types) for port in range(len(types))] for dim in range(len(expected))]
    assert found == expected


@pytest.mark.parametrize(
    ("text", "shapes", "message", "code"),
    [
        ("a + b", [(3,), (4,)], "`+` needs equal shapes, got [3] and [4]", "shape-mismatch"),
        (
            "c * (a > b)",
            [(3,), (3,), (3,)],
            "`*` needs values of one element type, got float32 and bool",
            "dtype-mismatch",
        ),
        ("-(a > b)", [(3,), (3,)], "`-` computes with floats, got bool", "dtype-mismatch"),
        ("a @ b", [(3, 4), (3, 4)], "`@` needs [..., n, m] and [..., m, p], got [3, 4] and [3, 4]", "shape-mismatch"),
        ("a @ b", [(), (4,)], "`@` needs axes to multiply over, got [] and [4]", "shape-mismatch"),
        ("a @ 2", [(4,)], "`@` multiplies matrices, not numbers", "bad-shape"),
        ("sum(a)", [()], "`sum` goes over the last axis; its argument is one number a sample", "bad-shape"),
        ("a * sum(3)", [()], "`sum` goes over an axis; 3 is a number", "bad-shape"),
        ("a / (1 / 0)", [()], "`/` of 1 and 0 is no finite number", "bad-shape"),
        ("a * log(-1)", [()], "`log` of -1 is no finite number", "bad-shape"),
        ("a * 10 ** 60 ** 60", [()], "`**` of 10 and 4.88737e+106 is no finite number", "bad-shape"),
        ("where(a, 1, 2)", [(3,)], "`where` chooses by a comparison, got float32", "dtype-mismatch"),
        ("where(1 < 2, a, a)", [(3,)], "`<` compares two numbers, 1 and 2", "bad-shape"),
        ("1 + 2", [], "the equation reads no value", "bad-attribute"),
        ("a + b", [(3,)], "the equation has 2 names that are values, got 1 inputs", "wrong-inputs"),
    ],
)
def test_refusals_name_the_operator(text: str, shapes: list[tuple[int, ...]], message: str, code: str) -> None:
    with pytest.raises(OpError) as caught:
        Calc(expression=text).infer(*map(TensorType, shapes))
    assert (str(caught.value), caught.value.code) == (message, code)


def test_integers_are_compared_but_not_computed_with(trial: Trial) -> None:
    tokens = TensorType((3,), DType.INT64)
    case = trial(Calc(expression="where(tokens == 2, 1, 0)"), tokens)
    assert case.torch([torch.tensor([[1, 2, 3]])]).tolist() == [[0.0, 1.0, 0.0]]
    case.assert_onnx_agrees(2)
    for text, message in {
        "t * 2": "`*` computes with floats, got int64",
        "t < 2.5": "`<` of int64 values and 2.5",
    }.items():
        with pytest.raises(OpError) as caught:
            Calc(expression=text).infer(tokens)
        assert str(caught.value) == message


@pytest.mark.parametrize(
    ("text", "message", "offset", "length"),
    [
        ("a + sigmod(b)", "a calc has no function `sigmod`", 4, 6),
        ("tanh(a, b)", "`tanh` takes 1 argument, got 2", 0, 4),
        ("where(a > 0, b)", "`where` takes 3 arguments, got 2", 0, 5),
        ("a < b < c", "a calc compares two values at a time", 2, 1),
        ("a in b", "a calc has no `in`", 2, 2),
        ("not a", "a calc has no `not`", 0, 3),
        ("a if b > 0 else c", "a calc has no `if`, `and`, `or`", 2, 1),
        ("a and b", "a calc has no `if`, `and`, `or`", 2, 1),
        ("a * none", "a calc has numbers, but no true, false or none", 4, 1),
        ("a // b", "expected an operator or the end, found `//`", 2, 2),
        ("a[0]", "expected an operator or the end, found `[`", 1, 1),
        ("a +", "expected a value, found the end", 3, 1),
    ],
)
def test_mistakes_in_the_text_have_a_place(text: str, message: str, offset: int, length: int) -> None:
    with pytest.raises(ExpressionError) as caught:
        calc_names(text)
    assert (caught.value.message, caught.value.offset, caught.value.length) == (message, offset, length)
    with pytest.raises(ValidationError) as refused:
        Calc(expression=text)
    assert refused.value.errors()[0]["msg"] == message


def test_near_names_are_offered() -> None:
    with pytest.raises(ExpressionError) as caught:
        calc_names("sigmod(b)")
    assert caught.value.help is not None and "sigmoid" in caught.value.help


def test_the_deepest_equation_passes_through_all(trial: Trial) -> None:
    text = "+".join("a" * MAX_DEPTH)
    case = trial(Calc(expression=text), (2,))
    [x] = case.inputs(2)
    torch.testing.assert_close(case.torch([x]), MAX_DEPTH * x)
    case.assert_onnx_agrees(2)
    assert case.op.reads(1, TensorType((2,))) == POINTWISE
    with pytest.raises(ExpressionError, match="at most 64 operations deep"):
        calc_names(f"{text}+a")


def test_an_op_like_any_other(parse: Callable[[str], Op]) -> None:
    assert parse('calc: "a + b"') == Calc(expression="a + b")
