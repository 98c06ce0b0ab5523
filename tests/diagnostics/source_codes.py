"""Which diagnostic codes the source raises, read from its syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "netspec"

# Callables that take a code, and at which position.
_TAKERS = {"error": 0, "warning": 0, "fail": 0, "Diagnostic": 0, "Refusal": 0, "at": 1}


def codes_raised(*folders: str) -> dict[str, str]:
    """Each code that a call passes on, with one place (file:line) where; in all of netspec or in some folders of it."""
    roots = [PACKAGE / folder for folder in folders] or [PACKAGE]
    return {code: place for root in roots for path in sorted(root.rglob("*.py")) for code, place in _codes(path)}


def _codes(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            for argument in _code_arguments(node):
                for leaf in ast.walk(argument):
                    if isinstance(leaf, ast.Constant) and isinstance(leaf.value, str):
                        yield leaf.value, f"{path.relative_to(PACKAGE)}:{leaf.lineno}"


def _code_arguments(call: ast.Call) -> Iterator[ast.expr]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    position = _TAKERS.get(name)
    if position is not None and position < len(call.args):
        argument = call.args[position]
        # A code is a constant, or one of two; anything computed is somebody else's `error`.
        if isinstance(argument, (ast.Constant, ast.IfExp)):
            yield from [argument] if isinstance(argument, ast.Constant) else [argument.body, argument.orelse]
    yield from (keyword.value for keyword in call.keywords if keyword.arg == "code")
