"""The builder that ops write PyTorch with: calls and arithmetic become syntax trees, nothing is evaluated.

Spec text can enter a tree only as `ast.Constant`; every other name comes from the op classes.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from netspec.ir import Sizes, TensorType


class Expression:
    """A piece of Python source as a tree. Calling it, reading an attribute and arithmetic give larger pieces."""

    def __init__(self, tree: ast.expr) -> None:
        self._tree = tree

    @property
    def tree(self) -> ast.expr:
        """Its syntax tree."""
        return self._tree

    def __getattr__(self, name: str) -> Expression:
        if name.startswith("__"):
            raise AttributeError(name)
        return Expression(ast.Attribute(self._tree, name))

    def __call__(self, *args: Any, **kwargs: Any) -> Expression:
        keywords = [ast.keyword(name, literal(value)) for name, value in kwargs.items()]
        return Expression(ast.Call(self._tree, [literal(value) for value in args], keywords))

    def __getitem__(self, index: Any) -> Expression:
        return Expression(ast.Subscript(self._tree, literal(index)))

    def _binary(self, operator: ast.operator, other: Any) -> Expression:
        return Expression(ast.BinOp(self._tree, operator, literal(other)))

    def _reflected(self, operator: ast.operator, other: Any) -> Expression:
        return Expression(ast.BinOp(literal(other), operator, self._tree))

    def _compare(self, operator: ast.cmpop, other: Any) -> Expression:
        return Expression(ast.Compare(self._tree, [operator], [literal(other)]))

    def __add__(self, other: Any) -> Expression:
        return self._binary(ast.Add(), other)

    def __radd__(self, other: Any) -> Expression:
        return self._reflected(ast.Add(), other)

    def __sub__(self, other: Any) -> Expression:
        return self._binary(ast.Sub(), other)

    def __rsub__(self, other: Any) -> Expression:
        return self._reflected(ast.Sub(), other)

    def __mul__(self, other: Any) -> Expression:
        return self._binary(ast.Mult(), other)

    def __rmul__(self, other: Any) -> Expression:
        return self._reflected(ast.Mult(), other)

    def __truediv__(self, other: Any) -> Expression:
        return self._binary(ast.Div(), other)

    def __floordiv__(self, other: Any) -> Expression:
        return self._binary(ast.FloorDiv(), other)

    def __mod__(self, other: Any) -> Expression:
        return self._binary(ast.Mod(), other)

    def __rtruediv__(self, other: Any) -> Expression:
        return self._reflected(ast.Div(), other)

    def __pow__(self, other: Any) -> Expression:
        return self._binary(ast.Pow(), other)

    def __rpow__(self, other: Any) -> Expression:
        return self._reflected(ast.Pow(), other)

    def __matmul__(self, other: Any) -> Expression:
        return self._binary(ast.MatMult(), other)

    def __neg__(self) -> Expression:
        return Expression(ast.UnaryOp(ast.USub(), self._tree))

    def __lt__(self, other: Any) -> Expression:
        return self._compare(ast.Lt(), other)

    def __le__(self, other: Any) -> Expression:
        return self._compare(ast.LtE(), other)

    def __gt__(self, other: Any) -> Expression:
        return self._compare(ast.Gt(), other)

    def __ge__(self, other: Any) -> Expression:
        return self._compare(ast.GtE(), other)


class Operand(Expression):
    """An input of an op: an expression that also knows its type."""

    def __init__(self, tree: ast.expr, type: TensorType) -> None:
        super().__init__(tree)
        self.type = type

    @property
    def shape(self) -> Sizes:
        """Its shape per sample."""
        return self.type.shape


class ModuleCall(Expression):
    """The construction of a module: `nn.Linear(3, 4)`."""


class Holder(ModuleCall):
    """The construction of a module that holds others, and parameters and buffers, by name."""

    def __init__(self, members: Mapping[str, ModuleCall | Owned]) -> None:
        super().__init__(_Modules().Module().tree)
        self.members = members


@dataclass(frozen=True, slots=True)
class Owned:
    """What a node owns under its own name, and the expression that `forward` makes of `self.name`."""

    kind: Literal["module", "parameter", "buffer"]
    initial: Expression
    use: Callable[[Expression], Expression]
    # Whether a buffer is in the state dict.
    persistent: bool = True
    # Names for the values that `use` gives, nested as they are, and the node's outputs from these values.
    parts: tuple[Any, ...] = ()
    outputs: Callable[..., tuple[Expression, ...]] | None = None


class _Modules:
    """torch.nn: what is called on it constructs a module."""

    def __getattr__(self, name: str) -> Any:
        def construct(*args: Any, **kwargs: Any) -> ModuleCall:
            return ModuleCall(Expression(ast.Attribute(ast.Name("nn"), name))(*args, **kwargs).tree)

        return construct


class Builder:
    """What ops are handed as `t`."""

    nn = _Modules()
    torch = Expression(ast.Name("torch"))
    F = Expression(ast.Name("F"))

    def module(self, module: ModuleCall, use: Callable[[Expression], Expression]) -> Owned:
        """A module that `forward` calls in a way of its own."""
        return Owned("module", module, use)

    def unpack(
        self, module: ModuleCall, use: Callable[[Expression], Expression], parts: tuple[Any, ...],
        outputs: Callable[..., tuple[Expression, ...]],
    ) -> Owned:  # fmt: skip
        """A module whose call gives several values."""
        return Owned("module", module, use, parts=parts, outputs=outputs)

    def holder(self, members: Mapping[str, ModuleCall | Owned]) -> Holder:
        """A module that holds several things."""
        return Holder(members)

    def parameter(self, initial: Expression, use: Callable[[Expression], Expression]) -> Owned:
        """A parameter at the node's own path."""
        return Owned("parameter", ModuleCall(self.nn.Parameter(initial).tree), use)

    def buffer(self, initial: Expression, use: Callable[[Expression], Expression], *, persistent: bool = True) -> Owned:
        """A buffer at the node's own path."""
        return Owned("buffer", initial, use, persistent)

    def let(self, name: str, value: Expression) -> Expression:
        """A name for a value; the statement that gives it stands before the one that reads it (`hoisted`)."""
        return Expression(ast.NamedExpr(ast.Name(name), value.tree))

    def choose(self, test: Expression, then: Any, otherwise: Any) -> Expression:
        """A conditional expression."""
        return Expression(ast.IfExp(test.tree, literal(then), literal(otherwise)))


def literal(value: Any) -> ast.expr:
    """The tree of a plain value, or of an expression."""
    if isinstance(value, Expression):
        return value.tree
    if isinstance(value, tuple):
        return ast.Tuple([literal(item) for item in value], ast.Load())
    if isinstance(value, list):
        return ast.List([literal(item) for item in value], ast.Load())
    if isinstance(value, slice):
        return ast.Slice(*(None if end is None else literal(end) for end in (value.start, value.stop, value.step)))
    if isinstance(value, int | float) and not isinstance(value, bool) and value < 0:
        return ast.UnaryOp(ast.USub(), ast.Constant(-value))
    if value is None or isinstance(value, bool | int | float | str):
        return ast.Constant(value)
    raise TypeError(f"{type(value).__name__} has no source form")
