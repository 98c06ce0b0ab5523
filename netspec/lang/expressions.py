"""Evaluation of `=` expressions (language.md section 2), with Python's semantics and bounds of its own.

No Python is run: the tree is walked, operators and functions come from closed tables. Every value is bounded (integers
to 64 bits, floats finite), and each one made is charged against a budget of elements, which bounds time and memory.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.nodes import shorten
from netspec.lang.operations import BINARY, COMPARISONS, FUNCTIONS, MAX_ELEMENTS, UNARY, slice_of, weight
from netspec.lang.parser import CONSTANTS, parse
from netspec.lang.scalars import MAX_INT
from netspec.lang.tokens import ExpressionError
from netspec.lang.tree import (
    Binary,
    Call,
    Compare,
    Conditional,
    Constant,
    Expression,
    Index,
    ListOf,
    Logical,
    Name,
    Slice,
    Unary,
)

__all__ = ["Expression", "ExpressionError", "Unavailable", "evaluate", "parse"]


class Unavailable(str):
    """Stands for a name that has no value here, and says why."""

    __slots__ = ()


def evaluate(expression: Expression | str, names: Mapping[str, object]) -> object:
    """The value of an expression (or of its text, without the `=`), as plain data.

    Args:
        expression: What `parse` gave, or a text to parse.
        names: The values of names: None, bool, int, float, str, and lists and mappings of these.

    Raises:
        ExpressionError: a name that is not known, an operand of the wrong kind, a value or an amount of work beyond the
            bounds; with the offset of the operator, name or call at fault.
    """
    tree = parse(expression) if isinstance(expression, str) else expression
    return _Evaluator(names).value(tree)


class _Evaluator:
    def __init__(self, names: Mapping[str, object]) -> None:
        self._names = names
        self._left = MAX_ELEMENTS

    def value(self, node: Expression) -> Any:
        found = self._visit(node)
        self._charge(found, node.offset)
        return found

    def _visit(self, node: Expression) -> Any:
        match node:
            case Constant():
                return node.value
            case Name():
                return self._name(node)
            case Binary():
                return self._binary(node)
            case Unary():
                return self._unary(node)
            case Compare():
                return self._compare(node)
            case Logical():
                return self._logical(node)
            case Conditional():
                return self.value(node.then if self.value(node.test) else node.otherwise)
            case ListOf():
                return [self.value(item) for item in node.items]
            case Call():
                return self._call(node)
            case Index():
                return self._index(node)
            case Slice():
                return self._slice(node)

    def _name(self, node: Name) -> Any:
        value = self._names.get(node.text, self)
        if isinstance(value, Unavailable):
            raise ExpressionError(str(value), node.offset, len(node.text))
        if value is not self:
            return value
        known = {*self._names, *CONSTANTS}
        raise ExpressionError(
            f"the name `{node.text}` is not known here", node.offset, len(node.text), did_you_mean(node.text, known)
        )

    def _binary(self, node: Binary) -> Any:
        # A long sum leans to the left: walked in a loop, so that 500 terms are no 500 frames.
        spine = [node]
        while isinstance(spine[-1].left, Binary):
            spine.append(spine[-1].left)
        left = self.value(spine[-1].left)
        for step in reversed(spine):
            left = _apply(step, step.operator, BINARY[step.operator], left, self.value(step.right))
            self._charge(left, step.offset)
        return left

    def _unary(self, node: Unary) -> Any:
        return _apply(node, node.operator, UNARY[node.operator], self.value(node.operand))

    def _compare(self, node: Compare) -> bool:
        left = self.value(node.first)
        for symbol, side in node.rest:
            right = self.value(side)
            if not _apply(node, symbol, COMPARISONS[symbol], left, right):
                return False
            left = right
        return True

    def _logical(self, node: Logical) -> Any:
        # As in Python the value is the operand that decided, not a bool.
        for operand in node.operands[:-1]:
            value = self.value(operand)
            if bool(value) is (node.operator == "or"):
                return value
        return self.value(node.operands[-1])

    def _call(self, node: Call) -> Any:
        function = FUNCTIONS.get(node.function)
        if function is None:
            message = f"there is no function `{node.function}`"
            help = did_you_mean(node.function, FUNCTIONS)
            raise ExpressionError(message, node.offset, len(node.function), help)
        return _apply(node, node.function, function, *map(self.value, node.arguments))

    def _index(self, node: Index) -> Any:
        return _apply(node, "[]", operator.getitem, self.value(node.value), self.value(node.index))

    def _slice(self, node: Slice) -> Any:
        bounds = (None if bound is None else self.value(bound) for bound in node.bounds)
        return _apply(node, "[:]", slice_of, self.value(node.value), *bounds)

    def _charge(self, value: Any, offset: int) -> None:
        """Check a value's magnitude, and pay for its elements."""
        if isinstance(value, (list, Mapping, str)):
            self._left -= weight(value)
        elif isinstance(value, int) and abs(value) > MAX_INT:
            raise ExpressionError("the number does not fit 64 bits", offset)
        elif isinstance(value, float) and not math.isfinite(value):
            raise ExpressionError("the number is too large for a float", offset)
        else:
            self._left -= 1
        if self._left < 0:
            raise _too_large(offset)


def _apply(node: Expression, symbol: str, function: Callable[..., Any], *operands: Any) -> Any:
    """Call a function of the tables; what it raises becomes a sentence at the node."""
    try:
        return function(*operands)
    except TypeError:
        message = f"`{symbol}` does not take {_list(operands)}" if operands else f"`{symbol}` needs an argument"
    except ZeroDivisionError:
        message = "division by zero"
    except (IndexError, KeyError):
        message = f"there is no element {shorten(str(operands[1]))} in {_kind(operands[0])} of {len(operands[0])}"
    except ValueError:
        message = f"`{symbol}` is not defined for {_list(operands)}"
    except OverflowError:
        raise _too_large(node.offset) from None
    raise ExpressionError(message, node.offset, len(symbol))


def _too_large(offset: int) -> ExpressionError:
    message = f"numbers are bounded by 64 bits, and all lists and texts of an expression together by {MAX_ELEMENTS:,}"
    return ExpressionError(f"the result is too large: {message}", offset)


def _list(operands: tuple[Any, ...]) -> str:
    return " and ".join(map(_kind, operands))


def _kind(value: object) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, (int, float)):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {shorten(value)!r}"
    return "a mapping" if isinstance(value, Mapping) else "a list" if value else "an empty list"
