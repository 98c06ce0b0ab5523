"""Running a printed file, and what such a file may hold."""

from __future__ import annotations

import ast

from torch import nn

ALLOWED_NODES = (
    ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg,
    ast.Assign, ast.Return, ast.Expr, ast.Call, ast.Attribute, ast.Name, ast.Constant, ast.keyword, ast.Tuple, ast.List,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UnaryOp, ast.USub, ast.Load, ast.Store,
    # What varies in training, runs of equal layers, rules for many parameters, ties, indexing.
    ast.If, ast.IfExp, ast.For, ast.Starred, ast.GeneratorExp, ast.comprehension, ast.Dict, ast.Delete, ast.Del,
    ast.Subscript, ast.Slice, ast.Pow, ast.MatMult, ast.FloorDiv, ast.Compare, ast.cmpop,
)  # fmt: skip
ALLOWED_IMPORTS = {"import torch", "from torch import nn", "from torch.nn import functional as F"}


def run(source: str) -> type[nn.Module]:
    """The network's class, the way a user runs a printed file."""
    namespace: dict[str, object] = {}
    exec(compile(source, "printed.py", "exec"), namespace)
    found = [value for value in namespace.values() if isinstance(value, type) and issubclass(value, nn.Module)]
    return found[-1]


def assert_harmless(source: str) -> None:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        assert isinstance(node, ALLOWED_NODES), ast.dump(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert ast.unparse(node) in ALLOWED_IMPORTS
        if isinstance(node, ast.Call):
            root = node.func
            while isinstance(root, ast.Attribute | ast.Call | ast.Subscript):
                root = root.func if isinstance(root, ast.Call) else root.value
            assert isinstance(root, ast.Name | ast.BinOp | ast.UnaryOp | ast.Compare)  # or a method of a result
        if isinstance(node, ast.ClassDef):
            assert node.decorator_list == []
