"""Text of an expression -> tree, by a Pratt parser (Pratt 1973, Top Down Operator Precedence).

One parser reads `=` expressions and `calc`: a Grammar says which operators exist and what a name may look like.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from netspec.lang.tokens import ExpressionError, Token, tokens
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

MAX_DEPTH = 32

# Binding powers, in the order of Python's grammar.
IF, OR, AND, NOT, COMPARE, ADD, MULTIPLY, NEGATE, POWER, POSTFIX = range(1, 11)

COMPARISONS = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")
CONSTANTS: Mapping[str, bool | None] = {"true": True, "false": False, "none": None}
_WORDS = frozenset({"if", "else", "and", "or", "not", "in"})


@dataclass(frozen=True, slots=True, eq=False)
class Grammar:
    """What a dialect has beside literals, comparisons, `and or not`, `if else` and calls."""

    binary: Mapping[str, int]
    # Lists, indexing, slicing and strings.
    collections: bool = True
    # `g.1` is a name.
    dotted: bool = False


EXPRESSION = Grammar({"+": ADD, "-": ADD, "*": MULTIPLY, "/": MULTIPLY, "//": MULTIPLY, "%": MULTIPLY, "**": POWER})

CALC = Grammar(
    {"+": ADD, "-": ADD, "*": MULTIPLY, "/": MULTIPLY, "@": MULTIPLY, "**": POWER}, collections=False, dotted=True
)


@lru_cache(maxsize=1024)  # a block's expressions are evaluated at each of its uses
def parse(text: str, grammar: Grammar = EXPRESSION) -> Expression:
    """Parse an expression (what stands after the `=`).

    Raises:
        ExpressionError: with the offset of what cannot be read; also beyond 1024 characters and 32 levels.
    """
    parser = _Parser(text, grammar)
    tree = parser.expression(0)
    parser.expect_end()
    return tree


class _Parser:
    def __init__(self, text: str, grammar: Grammar) -> None:
        self._grammar = grammar
        self._tokens = list(tokens(text, dotted=grammar.dotted))
        self._position = 0
        self._depth = 0

    @property
    def _token(self) -> Token:
        return self._tokens[self._position]

    def _advance(self) -> Token:
        token = self._token
        self._position += token.kind != "end"
        return token

    def _accept(self, text: str) -> bool:
        found = self._token.text == text and self._token.kind in ("symbol", "name")
        self._position += found
        return found

    def _expect(self, text: str, opened: Token) -> None:
        if not self._accept(text):
            found = self._token
            message = f"expected `{text}` for the `{opened.text}` at column {opened.offset + 1}"
            raise ExpressionError(f"{message}, found {_shown(found)}", found.offset, len(found.text))

    def expect_end(self) -> None:
        if self._token.kind != "end":
            raise self._unexpected("an operator or the end")

    def _unexpected(self, wanted: str) -> ExpressionError:
        token = self._token
        return ExpressionError(f"expected {wanted}, found {_shown(token)}", token.offset, len(token.text))

    def expression(self, power: int) -> Expression:
        """Everything that binds at least as tightly as `power`."""
        depth = self._depth
        self._enter()
        left = self._prefix(power)
        while (found := self._binding()) >= max(power, 1):
            left = self._infix(left, found)
        self._depth = depth
        return left

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH} levels", self._token.offset)

    def _prefix(self, power: int) -> Expression:
        token = self._advance()
        if token.kind == "number":
            return Constant(_number(token), token.offset)
        if token.kind == "string" and self._grammar.collections:
            return Constant(_string(token), token.offset)
        if token.kind == "name" and token.text not in _WORDS:
            return self._named(token)
        if token.text == "(":
            inner = self.expression(0)
            self._expect(")", token)
            return inner
        if token.text == "[" and self._grammar.collections:
            return ListOf(self._items("]", token), token.offset)
        return self._sign(token, power)

    def _sign(self, token: Token, power: int) -> Expression:
        binding = {"-": NEGATE, "+": NEGATE, "not": NOT}.get(token.text)
        if binding is None or power > binding:  # `1 + not a` is an error, as in Python
            self._position -= token.kind != "end"
            raise self._unexpected("a value")
        return Unary(token.text, self.expression(binding), token.offset)

    def _named(self, token: Token) -> Expression:
        if token.text in CONSTANTS:
            return Constant(CONSTANTS[token.text], token.offset)
        opened = self._token
        if self._accept("("):
            return Call(token.text, self._items(")", opened), token.offset)
        return Name(token.text, token.offset)

    def _items(self, closing: str, opened: Token) -> tuple[Expression, ...]:
        items: list[Expression] = []
        while not self._accept(closing):
            items.append(self.expression(0))
            if not self._accept(","):
                self._expect(closing, opened)
                break
        return tuple(items)

    def _binding(self) -> int:
        kind, text, _ = self._token
        if kind == "name":
            return {"if": IF, "or": OR, "and": AND, "in": COMPARE, "not": COMPARE}.get(text, 0)
        if kind != "symbol":
            return 0
        if text == "[" and self._grammar.collections:
            return POSTFIX
        return COMPARE if text in COMPARISONS else self._grammar.binary.get(text, 0)

    def _infix(self, left: Expression, power: int) -> Expression:
        if power == COMPARE:
            return self._comparison(left)
        token = self._advance()
        if power == IF:
            return self._conditional(left, token)
        if power in (OR, AND):
            return self._logical(left, token, power)
        if power == POSTFIX:
            return self._subscript(left, token)
        # `**` binds to the right, and its right side may have a sign: 2**-1, 2**3**2.
        right = self.expression(NEGATE if power == POWER else power + 1)
        return Binary(token.text, left, right, token.offset)

    def _comparison(self, left: Expression) -> Expression:
        offset = self._token.offset
        rest: list[tuple[str, Expression]] = []
        while self._binding() == COMPARE:
            operator = self._advance().text
            if operator == "not":
                if not self._accept("in"):
                    raise self._unexpected("`in` after `not`")
                operator = "not in"
            rest.append((operator, self.expression(COMPARE + 1)))
        return Compare(left, tuple(rest), offset)

    def _conditional(self, then: Expression, token: Token) -> Expression:
        test = self.expression(OR)
        self._expect("else", token)
        return Conditional(then, test, self.expression(IF), token.offset)

    def _logical(self, left: Expression, token: Token, power: int) -> Expression:
        operands = [left, self.expression(power + 1)]
        while self._accept(token.text):
            operands.append(self.expression(power + 1))
        return Logical(token.text, tuple(operands), token.offset)

    def _subscript(self, value: Expression, opened: Token) -> Expression:
        self._enter()  # a[0][0] is as deep as it has brackets
        bounds: list[Expression | None] = [None]
        while not self._accept("]"):
            if self._accept(":"):
                bounds.append(None)
            elif bounds[-1] is None:
                bounds[-1] = self.expression(0)
            else:
                self._expect("]", opened)
        return self._index(value, bounds, opened)

    def _index(self, value: Expression, bounds: list[Expression | None], opened: Token) -> Expression:
        if len(bounds) > 3 or bounds == [None]:
            raise ExpressionError("expected an index, or `start:stop:step`", opened.offset)
        if len(bounds) == 1 and bounds[0] is not None:
            return Index(value, bounds[0], opened.offset)
        lower, upper, step = [*bounds, None][:3]
        return Slice(value, (lower, upper, step), opened.offset)


def _shown(token: Token) -> str:
    return "the end" if token.kind == "end" else f"`{token.text}`"


def _number(token: Token) -> int | float:
    text = token.text
    if not text.replace("_", "").isdigit():
        return float(text)
    if text[0] == "0" and text.strip("0_"):
        raise ExpressionError(f"write `{text.lstrip('0_')}` without leading zeros", token.offset, len(text))
    # A length that no 64-bit number has is left to the evaluator's bound, without converting it.
    return int(text) if len(text) <= 40 else 2**64


def _string(token: Token) -> str:
    if "\\" in token.text:
        raise ExpressionError("a string in an expression has no escapes", token.offset, len(token.text))
    return token.text[1:-1]
