"""Chains as expressions: `nn.Sequential(Bottleneck(64), *(Bottleneck(256) for _ in range(35)))`."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from itertools import pairwise

from netspec.backends.torch.expressions import ModuleCall
from netspec.backends.torch.program import Kind, Program, shape_comment
from netspec.ir import Graph, Region

# Shorter runs are written out.
_SHORTEST_RUN = 3


def chain(program: Program, graph: Graph) -> ast.expr:
    """The expression that constructs a chain whose layers are named by their positions."""
    children = []
    for node in graph.nodes:
        if isinstance(node, Region):
            is_class = program.kinds[node] is Kind.CLASS
            tree = program.constructs[node] if is_class else chain(program, node.body)
        else:
            own = program.owned[node]
            assert isinstance(own, ModuleCall)
            tree = own.tree
        program.comments[tree] = shape_comment(node)
        children.append(tree)
    return ast.Call(ast.Attribute(ast.Name("nn"), "Sequential"), compressed(children, program.comments), [])


def compressed(children: Sequence[ast.expr], comments: dict[ast.AST, str]) -> list[ast.expr]:
    """The children, three or more equal ones in a row written once."""
    runs: list[list[ast.expr]] = []
    equal_to_next = [is_equal(a, b) for a, b in pairwise(children)]
    for child, continues in zip(children, [False, *equal_to_next], strict=False):
        if continues:
            runs[-1].append(child)
        else:
            runs.append([child])
    return [tree for run in runs for tree in _written(run, comments)]


def _written(run: list[ast.expr], comments: dict[ast.AST, str]) -> list[ast.expr]:
    if len(run) < _SHORTEST_RUN:
        return run
    count = ast.Call(ast.Name("range"), [ast.Constant(len(run))], [])
    loop = ast.comprehension(ast.Name("_"), count, [], 0)
    tree = ast.Starred(ast.GeneratorExp(run[0], [loop]))
    shapes = {comments.get(child, "") for child in run}
    comments[tree] = shapes.pop() if len(shapes) == 1 else ""
    comments.pop(run[0], None)
    return [tree]


def is_equal(a: object, b: object) -> bool:
    """Whether two trees are the same."""
    if type(a) is not type(b):
        return False
    if isinstance(a, ast.AST):
        return all(is_equal(getattr(a, key, None), getattr(b, key, None)) for key in a._fields if key != "ctx")
    if isinstance(a, list):
        assert isinstance(b, list)
        return len(a) == len(b) and all(map(is_equal, a, b))
    return a == b
