"""A class's trees taken apart: what is structure, and the numbers that stand in it."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from netspec.backends.torch.classes import ClassTree

#: Not a number.
NOTHING = object()

# Of each kind of tree; some say nothing of the text.
_FIELDS = {
    kind: tuple(each for each in kind._fields if each not in ("ctx", "type_comment", "kind"))
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, ast.AST)
}

#: What may write one.
_NUMBERS = frozenset({ast.Constant, ast.UnaryOp, ast.Tuple})

# Names of torch's positional arguments, by its class without the number of axes.
POSITIONAL: Mapping[str, tuple[str, ...]] = {
    "AdaptiveAvgPool": ("output_size",),
    "AdaptiveMaxPool": ("output_size",),
    "AvgPool": ("kernel_size",),
    "BatchNorm": ("num_features",),
    "Conv": ("in_channels", "out_channels"),
    "ConvTranspose": ("in_channels", "out_channels"),
    "Dropout": ("p",),
    "Embedding": ("num_embeddings", "embedding_dim"),
    "Flatten": ("start_dim", "end_dim"),
    "GRU": ("input_size", "hidden_size"),
    "GroupNorm": ("num_groups", "num_channels"),
    "InstanceNorm": ("num_features",),
    "LPPool": ("norm_type", "kernel_size"),
    "LSTM": ("input_size", "hidden_size"),
    "LayerNorm": ("normalized_shape",),
    "Linear": ("in_features", "out_features"),
    "LocalResponseNorm": ("size",),
    "MaxPool": ("kernel_size",),
    "MultiheadAttention": ("embed_dim", "num_heads"),
    "PReLU": ("num_parameters",),
    "RMSNorm": ("normalized_shape",),
    "RNN": ("input_size", "hidden_size"),
}


@dataclass(slots=True)
class Hole:
    """A number (or a tuple of them) in a tree: `getattr(parent, field)`, or its `index`-th element."""

    parent: ast.AST
    field: str
    index: int | None
    value: Any
    in_forward: bool

    def put(self, tree: ast.expr) -> None:
        """Write something else in its place."""
        if self.index is None:
            setattr(self.parent, self.field, tree)
        else:
            getattr(self.parent, self.field)[self.index] = tree


@dataclass(slots=True)
class Options:
    """The keyword arguments of a call that may be left out: those that are given, and what the others are then."""

    call: ast.Call
    given: dict[str, Any]
    defaults: Mapping[str, Any]
    in_forward: bool


@dataclass(slots=True)
class Dissection:
    """One class: equal `tokens` mean equal structure, and then all lists match up position by position."""

    tokens: list[Any] = field(default_factory=list)
    positions: list[Hole | Options] = field(default_factory=list)
    commented: list[ast.AST] = field(default_factory=list)


def dissect(
    tree: ClassTree, defaults: Mapping[ast.Call, Mapping[str, Any]], comments: Mapping[ast.AST, str]
) -> Dissection:
    """Take a class apart."""
    dissector = _Dissector(defaults, comments)
    dissector.found.tokens.append(tree.base)
    dissector.list_of(tree, "constructor", tree.constructor)
    dissector.found.tokens.extend(tree.inputs)
    dissector.in_forward = True
    dissector.list_of(tree, "forward", tree.forward)
    for name, arguments, body in tree.methods:
        dissector.found.tokens.extend((name, *arguments))
        dissector.list_of(tree, name, body)
    return dissector.found


def number(tree: ast.AST) -> Any:
    """The number, the truth value or the tuple of numbers that a tree writes, or NOTHING."""
    if isinstance(tree, ast.Constant):
        return tree.value if isinstance(tree.value, int | float) else NOTHING
    if isinstance(tree, ast.UnaryOp) and isinstance(tree.op, ast.USub):
        inner = number(tree.operand)
        return NOTHING if inner is NOTHING or isinstance(inner, tuple) else -inner
    if isinstance(tree, ast.Tuple) and tree.elts:
        values = tuple(number(each) for each in tree.elts)
        return NOTHING if any(value is NOTHING for value in values) else values
    return NOTHING


class _Dissector:
    def __init__(self, defaults: Mapping[ast.Call, Mapping[str, Any]], comments: Mapping[ast.AST, str]) -> None:
        self.found = Dissection()
        self.in_forward = False
        self._defaults = defaults
        self._comments = comments
        self._in_list = False

    def list_of(self, parent: Any, field: str, values: list[Any]) -> None:
        self.found.tokens.append(len(values))
        for index, value in enumerate(values):
            self._value(parent, field, index, value)

    def _value(self, parent: Any, field: str, index: int | None, value: Any) -> None:
        if not isinstance(value, ast.AST):
            self.found.tokens.append(value)
            return
        # Most trees are none of the three, and need not be asked what else they might be.
        found = number(value) if type(value) in _NUMBERS and not self._in_list else NOTHING
        if found is NOTHING:
            self._visit(value)
        else:
            self.found.tokens.append("#")
            self.found.positions.append(Hole(parent, field, index, found, self.in_forward))

    def _visit(self, node: ast.AST) -> None:
        tokens = self.found.tokens
        tokens.append(type(node))
        if node in self._comments:
            tokens.append("# comment")
            self.found.commented.append(node)
        if isinstance(node, ast.Name):
            tokens.append(node.id)
        elif isinstance(node, ast.Constant):
            tokens.append(repr(node.value))
        elif isinstance(node, ast.Call) and node in self._defaults:
            self._call(node, self._defaults[node])
        else:
            # Numbers in a list are data, as in torch.tensor([[1, 2]]): they stay.
            outside, self._in_list = self._in_list, self._in_list or isinstance(node, ast.List)
            for field in _FIELDS[type(node)]:
                value = getattr(node, field, None)
                if isinstance(value, list):
                    self.list_of(node, field, value)
                else:
                    self._value(node, field, None, value)
            self._in_list = outside

    def _call(self, call: ast.Call, defaults: Mapping[str, Any]) -> None:
        self._visit(call.func)
        self.list_of(call, "args", call.args)
        self.found.tokens.append(tuple(defaults))
        given = {}
        for keyword in call.keywords:
            value = number(keyword.value)
            if value is not NOTHING and keyword.arg is not None and keyword.arg in defaults:
                given[keyword.arg] = value
            else:
                self._visit(keyword)
        self.found.positions.append(Options(call, given, defaults, self.in_forward))
