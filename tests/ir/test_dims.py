"""Sizes as formulas: the truth is the arithmetic of integers, with which every formula must agree."""

from __future__ import annotations

import operator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from netspec.ir.bounds import bounds, is_at_most, is_less
from netspec.ir.dims import Dim, DimError, Size, Symbol, Undecided, product, symbol
from netspec.ir.substitution import evaluate, multiple_proving, substitute, symbols_of
from netspec.lang.expressions import evaluate as evaluate_text

H, W, T, K = symbol("H"), symbol("W"), symbol("T", multiple_of=8), symbol("K", least=3, most=20)
SYMBOLS = {"H": H, "W": W, "T": T, "K": K}
VALUES = st.fixed_dictionaries(
    {
        "H": st.integers(1, 40),
        "W": st.integers(1, 40),
        "T": st.integers(1, 6).map(lambda n: 8 * n),
        "K": st.integers(3, 20),
    }
)


CASES = settings(deadline=None, database=None, derandomize=True, max_examples=250)


def formulas() -> st.SearchStrategy[Any]:
    """Trees of arithmetic: a symbol, a number, or (operator, left, right); divisors are positive numbers."""
    leaves = st.one_of(st.sampled_from(sorted(SYMBOLS)), st.integers(-9, 9))
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.tuples(st.sampled_from([operator.add, operator.sub, operator.mul]), inner, inner),
            st.tuples(st.sampled_from([operator.floordiv, operator.mod]), inner, st.integers(1, 9)),
        ),
        max_leaves=8,
    )


def value(tree: Any, names: dict[str, Any]) -> Any:
    if isinstance(tree, tuple):
        return tree[0](value(tree[1], names), value(tree[2], names))
    return names.get(tree, tree)


def made(tree: Any) -> Size:
    try:
        found: Size = value(tree, SYMBOLS)
    except DimError:
        assume(False)
    return found


@CASES
@given(formulas(), VALUES)
def test_a_formula_is_the_arithmetic_of_integers(tree: Any, values: dict[str, int]) -> None:
    assert evaluate(made(tree), values) == value(tree, values)


@CASES
@given(formulas(), VALUES)
def test_bounds_hold_for_every_value(tree: Any, values: dict[str, int]) -> None:
    low, high = bounds(made(tree))
    found = value(tree, values)
    assert low is None or low <= found
    assert high is None or found <= high


@CASES
@given(formulas(), VALUES)
def test_the_text_reads_back(tree: Any, values: dict[str, int]) -> None:
    size = made(tree)
    assert evaluate_text(str(size), values) == value(tree, values)
    again: Any = evaluate_text(str(size), SYMBOLS)
    assert again == size and hash(again) == hash(size)


@CASES
@given(formulas(), formulas(), VALUES)
def test_a_proof_is_never_wrong(left: Any, right: Any, values: dict[str, int]) -> None:
    a, b = made(left), made(right)
    x, y = value(left, values), value(right, values)
    assert a != b or x == y
    assert not is_less(a, b) or x < y
    assert not is_at_most(a, b) or x <= y
    for compare in (operator.lt, operator.le, operator.gt, operator.ge):
        with suppress(Undecided):
            assert compare(a, b) is compare(x, y)


@CASES
@given(formulas(), formulas())
def test_the_quotient_of_a_product_is_exact(left: Any, right: Any) -> None:
    a, b = made(left), made(right)
    assume(b != 0)
    try:
        whole = a * b
    except DimError:
        assume(False)
    assert whole / b == a


@pytest.mark.parametrize(
    ("size", "written"),
    [
        (H, "H"),
        (2 * T + 1, "2*T + 1"),
        ((H - 1) // 2 + 1, "(H - 1)//2 + 1"),
        ((H + 6 - 7) // 2 + 1, "(H - 1)//2 + 1"),
        (((H - 1) // 2 + 1 - 1) // 2 + 1, "(H - 1)//4 + 1"),
        (H // 2 // 3, "H//6"),
        ((H + 3 * 5) // 5, "H//5 + 3"),
        (H // 8 * 8, "8*(H//8)"),
        (T // 8 * 8, "T"),
        (T // 2, "T//2"),
        (T // 16, "T//16"),
        (T // 2 * W, "(T//2)*W"),
        (-(-H // 2), "(H - 1)//2 + 1"),
        ((2 * H + 1) // 2, "H"),
        (H * W - W * H, "0"),
        (1 - H, "-H + 1"),
        (0 - H // 2, "-(H//2)"),
        (0 - T // 4, "-(T//4)"),
        (H**2 + H * W - 3, "H*H + H*W - 3"),
        ((2 * H * W) // 4, "(H*W)//2"),
        (H % 1, "0"),
        (T % 4, "0"),
        (K // 21, "0"),
    ],
)
def test_the_normal_form(size: Size, written: str) -> None:
    assert str(size) == written


def test_grouped_digits() -> None:
    assert f"{564_780 * H * W:,}" == "564,780*H*W"
    assert f"{564_780 * H * W:_}" == "564_780*H*W"
    assert f"{H:>3}" == "  H"


def test_constants_are_numbers() -> None:
    assert type(H - H + 3) is int
    assert symbol("H", least=5, most=6, multiple_of=6) == 6
    assert (H + 1) * (W - 2) / (H + 1) == W - 2
    assert product([H, 2, W]) == 2 * H * W and product([]) == 1


@pytest.mark.parametrize(
    ("size", "low", "high"),
    [
        (H, 1, None),
        (T, 8, None),
        (K, 3, 20),
        (symbol("B", least=5, most=70, multiple_of=32), 32, 64),
        (H * W - H, 0, None),
        (H % 8, 0, 7),
        (H - H // 2 * 2, 0, 1),
        ((H - 5) // 2, -2, None),
        (20 - K, 0, 17),
        (H - W, None, None),
    ],
)
def test_bounds(size: Size, low: int | None, high: int | None) -> None:
    assert bounds(size) == (low, high)


def test_comparisons_answer_or_say_that_they_cannot() -> None:
    assert H >= 1 and K < 21 and H > 0 and not T < 8
    assert is_less(H // 2, H) and not is_less(H // 2 * 2, H) and is_at_most(H // 2 * 2, H)
    with pytest.raises(Undecided, match=r"^H < 2 depends on the value of the symbols$"):
        assert H < 2
    with pytest.raises(Undecided):
        assert H - 1


def test_what_would_prove_it() -> None:
    assert multiple_proving(H // 8 * 8, H) == ("H", 8)
    assert multiple_proving(2 * (T // 16), T // 8) == ("T", 16)
    assert multiple_proving(H % 6, 0) is None
    assert multiple_proving(H, W) is None
    assert multiple_proving(H, H + 1) is None


def test_symbols_and_substitution() -> None:
    assert symbols_of((H - 1) // 2 * T) == {Symbol("H", 1, None, 1), Symbol("T", 8, None, 8)}
    assert symbols_of(3) == frozenset()
    assert substitute((H - 1) // 2 + W, {"H": 2 * W + 1}) == 2 * W
    with pytest.raises(KeyError):
        evaluate(H * W, {"H": 1})
    with pytest.raises(DimError):
        evaluate(T, {"T": 9})


@pytest.mark.parametrize(
    "make",
    [
        lambda: symbol("H", least=0),
        lambda: symbol("H", most=2**31),
        lambda: symbol("H", most=7, multiple_of=8),
        lambda: symbol("H", least=9, most=15, multiple_of=8),
        lambda: symbol("H", least=2**31 - 1, multiple_of=2),
        lambda: H / 2,
        lambda: H / W,
        lambda: 3 // H,
        lambda: (H + W) ** 40,
    ],
)
def test_refusals(make: Any) -> None:
    with pytest.raises(DimError):
        make()


def test_division_by_zero_is_pythons() -> None:
    with pytest.raises(ZeroDivisionError):
        H // 0
    with pytest.raises(ZeroDivisionError):
        H / 0
    assert H // -2 == (-H) // 2


def test_a_formula_that_doubles_is_refused_in_time() -> None:
    sizes: list[Any] = [H]
    with pytest.raises(DimError, match="too large"):
        sizes.extend(sizes[-1] // 3 + sizes[-1] for _ in range(64))
    assert all(isinstance(size, Dim) and size.weight <= 4096 for size in sizes)
