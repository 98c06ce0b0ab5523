"""Values that an op names on its way (`t.let`): statements before the one that reads them."""

from __future__ import annotations

import ast

from netspec.backends.torch.naming import unique


def hoisted(tree: ast.expr, taken: set[str]) -> tuple[ast.expr, list[ast.stmt]]:
    """The expression with variables in the place of named values, and the statements that give them.

    Args:
        tree: Each named value in it is an `ast.NamedExpr`; one that is read twice is one object.
        taken: Variables that are there; those of the statements are added.
    """
    hoist = _Hoist(taken)
    found = hoist.visit(tree)
    assert isinstance(found, ast.expr)
    return found, hoist.statements


class _Hoist(ast.NodeTransformer):
    def __init__(self, taken: set[str]) -> None:
        self.statements: list[ast.stmt] = []
        self._taken = taken
        self._names: dict[ast.NamedExpr, ast.Name] = {}

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.Name:
        if node not in self._names:
            value = self.visit(node.value)
            self._names[node] = ast.Name(unique(node.target.id, self._taken))
            self.statements.append(ast.Assign([self._names[node]], value, lineno=1))
        return self._names[node]
