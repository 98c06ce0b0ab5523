"""Modules some of whose parameters are another layer's, transposed."""

from __future__ import annotations

import ast

from netspec.backends.torch.expressions import Expression
from netspec.backends.torch.program import BUILDER


class WithTied(Expression):
    """A module without some of its parameters, which it is called with: torch.func.functional_call."""

    def __init__(self, tree: ast.expr, weights: dict[str, Expression]) -> None:
        super().__init__(tree)
        self._weights = weights

    def __getattr__(self, name: str) -> Expression:
        """One of these parameters itself, or a module inside without its own."""
        own = super().__getattr__(name)
        if name in self._weights:
            return self._weights[name]
        parts = {key.partition(".")[2]: each for key, each in self._weights.items() if key.startswith(f"{name}.")}
        return WithTied(own.tree, parts) if parts else own

    def __call__(self, *args: object, **kwargs: object) -> Expression:
        keys: list[ast.expr | None] = [ast.Constant(name) for name in self._weights]
        given = ast.Dict(keys, [each.tree for each in self._weights.values()])
        return BUILDER.torch.func.functional_call(Expression(self.tree), Expression(given), args)
