"""Random expressions give a value or an ExpressionError with a place; a million of them, each within 5 ms."""

from __future__ import annotations

import math
import time
from collections import Counter

import pytest

from netspec.lang.expressions import ExpressionError, evaluate
from netspec.lang.scalars import MAX_INT
from tests.lang.random_expressions import NAMES, expressions


def results(count: int, seed: int, seconds_each: float = math.inf) -> Counter[str]:
    """How many had a value; each is timed (again, where another process may have held it up)."""
    found: Counter[str] = Counter()
    for text in expressions(count, seed):
        start = time.thread_time()
        found[_result(text)] += 1
        if time.thread_time() - start > seconds_each:
            assert min(_seconds(text) for _ in range(5)) <= seconds_each, text
    return found


def _seconds(text: str) -> float:
    start = time.thread_time()
    _result(text)
    return time.thread_time() - start


def _result(text: str) -> str:
    try:
        value = evaluate(text, NAMES)
    except ExpressionError as error:
        assert 0 <= error.offset <= len(text) and error.length >= 1, text
        assert error.message
        return "refused"
    _check(value, text)
    return "value"


def _check(value: object, text: str) -> None:
    """Plain data within the bounds, and nothing else."""
    if isinstance(value, list):
        for item in value:
            _check(item, text)
        return
    assert value is None or type(value) in (bool, int, float, str), text
    assert not isinstance(value, int) or abs(value) <= MAX_INT, text
    assert not isinstance(value, float) or math.isfinite(value), text


def test_20_000_random_expressions() -> None:
    found = results(20_000, seed=1)
    assert found["value"] > 1_600
    assert found["refused"] > 2_000


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_million_random_expressions() -> None:
    found = results(1_000_000, seed=2, seconds_each=0.005)
    assert found["value"] > 80_000
