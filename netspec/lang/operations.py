"""Operators and functions of expressions: closed tables over plain data, each bounded, with Python's results.

They raise what Python raises (TypeError, ValueError, ...); the evaluator says it in words and adds the place.
OverflowError stands for every result beyond the bounds.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

MAX_ELEMENTS = 4096
MAX_DIGITS = 20
_SCALARS = frozenset({bool, int, float, type(None)})


def _times(left: Any, right: Any) -> Any:
    for sequence, count in ((left, right), (right, left)):
        if isinstance(sequence, (list, str)) and isinstance(count, int) and weight(sequence) * count > MAX_ELEMENTS:
            raise OverflowError
    return left * right


def _modulo(left: Any, right: Any) -> Any:
    _require_numbers(left, right)  # '%s' % x formats
    return left % right


def _power(left: Any, right: Any) -> Any:
    _require_numbers(left, right)
    if isinstance(left, int) and isinstance(right, int) and abs(left) > 1 and right > 64:
        raise OverflowError
    if left < 0 and isinstance(right, float) and not right.is_integer():
        raise ValueError("a complex number")
    return left**right


def _range(*bounds: Any) -> list[int]:
    found = range(*bounds)
    if found[MAX_ELEMENTS:]:
        raise OverflowError
    return list(found)


def _int(value: Any) -> int:
    _require_numbers(value)
    return int(value)


def _round(value: Any, digits: Any = None) -> Any:
    if isinstance(value, int) and isinstance(digits, int) and digits < -MAX_DIGITS:
        return 0  # as in Python, which computes 10**(10**9) for round(1, -10**9)
    return round(value, digits)


def _sum(values: Any) -> Any:
    return sum(values)  # of one list: a start value would join lists in quadratic time


def _require_numbers(*values: Any) -> None:
    if not all(isinstance(value, (int, float)) for value in values):
        raise TypeError


def slice_of(value: Any, *bounds: Any) -> Any:
    """`value[start:stop:step]`."""
    if not isinstance(value, (list, str)):
        raise TypeError
    return value[slice(*bounds)]


def weight(value: Any) -> int:
    """What a value counts against a budget: 1, and 1 for each character or (recursively) element."""
    if isinstance(value, list):
        # A long list is mostly one of numbers: its types are told apart without a call for each.
        return 1 + (len(value) if _SCALARS.issuperset(map(type, value)) else sum(map(weight, value)))
    if isinstance(value, str):
        return 1 + len(value)
    return weight(list(value.values())) if isinstance(value, Mapping) else 1


UNARY: Mapping[str, Callable[[Any], Any]] = {"-": operator.neg, "+": operator.pos, "not": operator.not_}

BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": _times,
    "/": operator.truediv,
    "//": operator.floordiv,
    "%": _modulo,
    "**": _power,
}

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda item, container: item in container,
    "not in": lambda item, container: item not in container,
}

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "sum": _sum,
    "len": len,
    "range": _range,
    "int": _int,
    "round": _round,
    "floor": math.floor,
    "ceil": math.ceil,
    "sqrt": math.sqrt,
    "log": math.log,
}
