"""Expressions as trees. Every node has the offset in the text that messages point at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Constant:
    """A number, a string, `true`, `false` or `none`."""

    value: int | float | str | bool | None
    offset: int


@dataclass(frozen=True, slots=True)
class Name:
    """A name that the environment gives a meaning."""

    text: str
    offset: int


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Expression, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Unary:
    """`-a`, `+a`, `not a`."""

    operator: str
    operand: Expression
    offset: int


@dataclass(frozen=True, slots=True)
class Binary:
    """`a + b`; `offset` is the operator's."""

    operator: str
    left: Expression
    right: Expression
    offset: int


@dataclass(frozen=True, slots=True)
class Compare:
    """`a < b <= c`: each operator with its right side."""

    first: Expression
    rest: tuple[tuple[str, Expression], ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Logical:
    """`a and b and c`, or with `or`."""

    operator: str
    operands: tuple[Expression, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Conditional:
    """`then if test else otherwise`."""

    then: Expression
    test: Expression
    otherwise: Expression
    offset: int


@dataclass(frozen=True, slots=True)
class Call:
    """`function(a, b)`; only names are called."""

    function: str
    arguments: tuple[Expression, ...]
    offset: int


@dataclass(frozen=True, slots=True)
class Index:
    """`value[index]`."""

    value: Expression
    index: Expression
    offset: int


@dataclass(frozen=True, slots=True)
class Slice:
    """`value[lower:upper:step]`."""

    value: Expression
    bounds: tuple[Expression | None, Expression | None, Expression | None]
    offset: int


Expression = Constant | Name | ListOf | Unary | Binary | Compare | Logical | Conditional | Call | Index | Slice
