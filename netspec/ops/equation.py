"""The text of a `calc` -> a checked tree: which operators and functions there are, and which names it uses."""

from collections.abc import Iterator, Mapping
from functools import lru_cache

from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.parser import CALC, parse
from netspec.lang.tokens import ExpressionError
from netspec.lang.tree import Binary, Call, Compare, Constant, Expression, Name, Unary

MAX_DEPTH = 64

#: The functions, with how many arguments each takes.
FUNCTIONS: Mapping[str, int] = {
    "sigmoid": 1, "tanh": 1, "relu": 1, "exp": 1, "log": 1, "sqrt": 1, "abs": 1,
    "softmax": 1, "sum": 1, "mean": 1, "max": 1, "where": 3,
}  # fmt: skip
#: Those that make one number of the last axis.
REDUCTIONS = frozenset({"sum", "mean", "max"})
#: Those that read the whole last axis.
ALONG_AXIS = REDUCTIONS | {"softmax"}
COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


def calc_names(text: str) -> tuple[str, ...]:
    """The names that a calc uses, in the order of their first use: `g.1`, `c`.

    Raises:
        ExpressionError: the text is no calc; with the offset of what is at fault.
    """
    return tuple(dict.fromkeys(node.text for node in _nodes(calc_tree(text)) if isinstance(node, Name)))


@lru_cache(maxsize=1024)
def calc_tree(text: str) -> Expression:
    """The tree of a calc, of `Constant` (numbers), `Name`, `Unary`, `Binary`, `Compare` (of two) and `Call` alone.

    Raises:
        ExpressionError: the text is no calc.
    """
    tree = parse(text, CALC)
    for node in _nodes(tree):
        _check(node)
    return tree


def _nodes(tree: Expression) -> Iterator[Expression]:
    """Every node, operands after their operator, from left to right.

    Raises:
        ExpressionError: the tree is deeper than what walks it by recursion may be.
    """
    left = [(tree, 1)]
    while left:
        node, depth = left.pop()
        if depth > MAX_DEPTH:
            message = f"a calc is at most {MAX_DEPTH} operations deep"
            raise ExpressionError(message, node.offset, help="give a part of it a layer and a name of its own")
        yield node
        left += [(child, depth + 1) for child in reversed(children(node))]


def children(node: Expression) -> tuple[Expression, ...]:
    """The operands of a node."""
    match node:
        case Unary():
            return (node.operand,)
        case Binary():
            return node.left, node.right
        case Compare():
            return node.first, *(right for _, right in node.rest)
        case Call():
            return node.arguments
    return ()


def _check(node: Expression) -> None:
    match node:
        case Constant() if isinstance(node.value, bool) or not isinstance(node.value, (int, float)):
            raise ExpressionError("a calc has numbers, but no true, false or none", node.offset)
        case Compare():
            _check_comparison(node)
        case Call():
            _check_call(node)
        case Unary() if node.operator == "not":
            raise ExpressionError("a calc has no `not`", node.offset, 3, "`where(c, a, b)` chooses by a comparison")
        case Constant() | Name() | Unary() | Binary():
            return
        case _:
            message = "a calc has no `if`, `and`, `or`"
            raise ExpressionError(message, node.offset, help="`where(c, a, b)` chooses by a comparison")


def _check_comparison(node: Compare) -> None:
    if len(node.rest) > 1:
        raise ExpressionError("a calc compares two values at a time", node.offset)
    [(operator, _)] = node.rest
    if operator not in COMPARISONS:
        raise ExpressionError(f"a calc has no `{operator}`", node.offset, len(operator))


def _check_call(node: Call) -> None:
    if node.function not in FUNCTIONS:
        message = f"a calc has no function `{node.function}`"
        raise ExpressionError(message, node.offset, len(node.function), did_you_mean(node.function, FUNCTIONS))
    wanted = FUNCTIONS[node.function]
    if len(node.arguments) != wanted:
        plural = "argument" if wanted == 1 else "arguments"
        message = f"`{node.function}` takes {wanted} {plural}, got {len(node.arguments)}"
        raise ExpressionError(message, node.offset, len(node.function))
