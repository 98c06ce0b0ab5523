"""Statements as lines of at most 120 characters, in the manner of ruff format, with their shape comments."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence

WIDTH = 120
_STEP = "    "

# What a node's text is followed by: a comment, without the sign.
Comments = Mapping[ast.AST, str]


def lines(statements: Sequence[ast.stmt], indent: str, comments: Comments) -> list[str]:
    """The text of statements that stand at that indent."""
    return [line for each in statements for line in _statement(each, indent, comments)]


def _statement(tree: ast.stmt, indent: str, comments: Comments) -> Iterator[str]:
    comment = comments.get(tree, "")
    if isinstance(tree, ast.If):
        yield f"{indent}if {_text(tree.test)}:"
        yield from lines(tree.body, indent + _STEP, comments)
        if tree.orelse:
            yield f"{indent}else:"
            yield from lines(tree.orelse, indent + _STEP, comments)
    elif isinstance(tree, ast.For):
        head = f"{indent}for {_plain(tree.target)} in "
        yield from _expression(tree.iter, head, ":", comments)
        yield from lines(tree.body, indent + _STEP, comments)
    elif isinstance(tree, ast.Assign):
        head = "".join(f"{_plain(target)} = " for target in tree.targets)
        yield from _value(tree.value, indent + head, comments, comment)
    elif isinstance(tree, ast.Return) and tree.value is not None:
        yield from _value(tree.value, f"{indent}return ", comments, comment)
    elif isinstance(tree, ast.Expr):
        yield from _value(tree.value, indent, comments, comment)
    else:
        yield f"{indent}{_text(tree)}"


def _value(tree: ast.expr, prefix: str, comments: Comments, comment: str) -> Iterator[str]:
    """The right side of a statement; a tuple that fits on the line has no parentheses."""
    if isinstance(tree, ast.Tuple) and tree.elts:
        text = f"{prefix}{_plain(tree)}"
        if _fits(text, comment):
            yield _with_comment(text, comment)
            return
    yield from _expression(tree, prefix, "", comments, comment)


def _plain(tree: ast.expr) -> str:
    """A tuple without its parentheses; anything else as it is."""
    if isinstance(tree, ast.Tuple) and len(tree.elts) > 1:
        return ", ".join(map(_text, tree.elts))
    return _text(tree)


def _expression(
    tree: ast.expr | ast.keyword, prefix: str, suffix: str, comments: Comments, comment: str = ""
) -> Iterator[str]:
    """Prefix, expression and suffix: on one line, its contents on a second, or each of them on a line of its own."""
    if isinstance(tree, ast.keyword):
        prefix, tree = f"{prefix}{tree.arg}=", tree.value
    text = f"{prefix}{_text(tree)}{suffix}"
    parts = _parts(tree)
    is_open = _is_spread_out(tree)
    if parts is None or (_fits(text, comment) and not is_open):
        yield _with_comment(text, comment)
        return
    opening, items, closing = parts
    indent = prefix[: len(prefix) - len(prefix.lstrip())] + _STEP
    yield prefix + opening
    joined = indent + ", ".join(map(_text, items))
    if isinstance(tree, ast.BinOp):
        yield from _operands(tree, indent)
    elif isinstance(tree, ast.IfExp):
        yield indent + _operand(tree.body)
        yield f"{indent}if {_operand(tree.test)}"
        yield f"{indent}else {_operand(tree.orelse)}"
    elif len(joined) <= WIDTH and len(items) > 1 and not is_open and not any(map(comments.get, items)):
        yield joined
    else:
        for item in items:
            yield from _expression(item, indent, ",", comments, comments.get(item, ""))
    is_said = bool(items) and comments.get(items[-1]) == comment
    yield _with_comment(prefix[: len(indent) - len(_STEP)] + closing + suffix, "" if is_said else comment)


def _parts(tree: ast.AST) -> tuple[str, list[ast.expr | ast.keyword], str] | None:
    """The bracket that a long expression is opened at, what stands in it, and the end."""
    if isinstance(tree, ast.Call) and (tree.args or tree.keywords):
        return f"{_text(tree.func)}(", [*tree.args, *tree.keywords], ")"
    if isinstance(tree, ast.Tuple | ast.List) and tree.elts:
        opening, closing = "()" if isinstance(tree, ast.Tuple) else "[]"
        return opening, [*tree.elts], closing
    if isinstance(tree, ast.BinOp | ast.IfExp):
        return "(", [], ")"
    return None


def _operands(tree: ast.BinOp, indent: str) -> Iterator[str]:
    """The terms of a long sum (the factors of a long product), one a line."""
    kinds = ast.Add | ast.Sub if isinstance(tree.op, ast.Add | ast.Sub) else ast.Mult | ast.Div
    rest: ast.expr = tree
    ends: list[str] = []
    while isinstance(rest, ast.BinOp) and isinstance(rest.op, kinds):
        sign = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}[type(rest.op)]
        ends.append(f"{indent}{sign} {_operand(rest.right)}")
        rest = rest.left
    yield indent + _operand(rest)
    yield from reversed(ends)


def _operand(tree: ast.expr) -> str:
    return f"({_text(tree)})" if isinstance(tree, ast.BinOp | ast.IfExp) else _text(tree)


def _text(tree: ast.AST) -> str:
    if isinstance(tree, ast.keyword):
        return f"{tree.arg}={_text(tree.value)}"
    text = ast.unparse(tree)
    # Where there is neither a double quote nor an escape, single quotes only enclose strings.
    return text if '"' in text or "\\" in text else text.replace("'", '"')


def _is_spread_out(tree: ast.AST) -> bool:
    """The layers of a network that is a plain chain stand one a line, however short."""
    return (
        isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute) and tree.func.attr == "__init__"
    ) and bool(tree.args)


def _with_comment(text: str, comment: str) -> str:
    return f"{text}  # {comment}" if comment and _fits(text, comment) else text


def _fits(text: str, comment: str) -> bool:
    return len(text) + (len(comment) + 4 if comment else 0) <= WIDTH
