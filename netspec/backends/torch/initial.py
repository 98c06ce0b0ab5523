"""What the network's constructor does once all layers are there: draw parameters by rules, and freeze."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from netspec.backends.torch.classes import ClassTree
from netspec.backends.torch.expressions import Expression, Owned, literal
from netspec.backends.torch.program import Program
from netspec.ir import Graph, Init, Node, Region, Scan
from netspec.ops.base import Op

#: Functions of torch.nn.init, with the names of their arguments.
FUNCTIONS: Mapping[str, tuple[str, ...]] = {
    "constant": ("val",),
    "dirac": ("groups",),
    "eye": (),
    "kaiming_normal": ("a", "mode", "nonlinearity"),
    "kaiming_uniform": ("a", "mode", "nonlinearity"),
    "normal": ("mean", "std"),
    "ones": (),
    "orthogonal": ("gain",),
    "sparse": ("sparsity", "std"),
    "trunc_normal": ("mean", "std", "a", "b"),
    "uniform": ("a", "b"),
    "xavier_normal": ("gain",),
    "xavier_uniform": ("gain",),
    "zeros": (),
}
# Modules of torch that hold layers of other classes, which a loop over those would meet too.
_HOLDS_LAYERS = frozenset({"MultiheadAttention", "Module"})

_SELF = Expression(ast.Name("self"))
_MODULE = Expression(ast.Name("module"))
_NAME = Expression(ast.Name("name"))
_INIT = Expression(ast.Name("nn")).init

Rules = tuple[Init, ...]


def finish(tree: ClassTree, program: Program) -> None:
    """Add the drawing and the freezing of the whole network to its class."""
    owners = [node for node in program.graph.walk() if node.owner is None]
    frozen_norms = [node.path for node in owners if node.frozen and _has_statistics(node)]
    tree.constructor += [*_drawn(program, owners), *_frozen(program.graph)]
    if frozen_norms:
        tree.constructor.append(ast.Expr(_SELF.train().tree))
        tree.methods.append(("train", ["mode=True"], _train(frozen_norms)))


# Drawing


def _drawn(program: Program, owners: list[Node]) -> Iterator[ast.stmt]:
    """One loop over the modules of each class that has one rule, then one over names for each other rule."""
    by_class = _by_class(program, owners)
    by_name: dict[str, tuple[Rules, list[str]]] = {}
    for torch_class, nodes in by_class.items():
        rules = _common(nodes) if torch_class else {}
        if rules:
            test = Expression(ast.Name("isinstance"))(_MODULE, Expression(ast.Name("nn")).__getattr__(torch_class))
            body = [each for name, rule in rules.items() for each in _applied(Expression(_attribute(name)), rule)]
            yield _loop("module", _SELF.modules().tree, [ast.If(test.tree, body, [])])
        for node in nodes:
            for name, rule in node.init.items():
                if name not in rules and name not in node.ties:
                    by_name.setdefault(repr(rule), (rule, []))[1].append(node.key(name))
    for rule, keys in by_name.values():
        if len(keys) == 1:
            yield from _applied(_SELF.get_parameter(keys[0]), rule)
        else:
            yield _loop("name", literal(tuple(keys)), [*_applied(_SELF.get_parameter(_NAME), rule)])


def _by_class(program: Program, owners: Iterable[Node]) -> dict[str, list[Node]]:
    """The nodes by their module's class in torch; by nothing where a loop over that class would meet others."""
    found: dict[str, list[Node]] = {}
    for node in owners:
        found.setdefault(_torch_class(program, node), []).append(node)
    if not _HOLDS_LAYERS.isdisjoint(found):
        return {"": [node for nodes in found.values() for node in nodes]}
    return found


def _torch_class(program: Program, node: Node) -> str:
    own = program.owned[node]
    tree = own.initial.tree if isinstance(own, Owned) else own.tree if own is not None else None
    is_module = own is not None and not (isinstance(own, Owned) and own.kind != "module")
    if is_module and isinstance(tree, ast.Call) and isinstance(tree.func, ast.Attribute):
        return tree.func.attr
    return ""


def _common(nodes: list[Node]) -> dict[str, Rules]:
    """The parameters that all of these layers have, for themselves, and draw by one rule."""
    counts = Counter((name, repr(rule)) for node in nodes for name, rule in node.init.items() if name not in node.ties)
    first = nodes[0].init
    return {name: rule for name, rule in first.items() if counts[name, repr(rule)] == len(nodes)}


def _applied(target: Expression, rules: Rules) -> Iterator[ast.stmt]:
    """`nn.init.normal_(module.weight, std=0.01)`; several rules fill equal chunks of the first axis."""
    for index, rule in enumerate(rules):
        part = target if len(rules) == 1 else target.detach().chunk(len(rules))[index]
        yield ast.Expr(_call(rule, part).tree)


def _call(rule: Init, target: Expression) -> Expression:
    # The two names become code, so they are of this table whatever the graph says.
    known = FUNCTIONS[rule.function]
    unknown = rule.arguments.keys() - set(known)
    if unknown:
        raise ValueError(f"nn.init.{rule.function}_ has no argument {min(unknown)}")
    function: Any = getattr(_INIT, f"{rule.function}_")
    if rule.function == "constant":
        return Expression.__call__(function, target, rule.arguments["val"])
    return Expression.__call__(function, target, **rule.arguments)


# Freezing


def _frozen(graph: Graph) -> Iterator[ast.stmt]:
    """The largest frozen groups, and single parameters where a group holds others."""
    frozen = [*_frozen_parts(graph)] if any(node.frozen for node in graph.walk()) else []
    for kind in ("submodule", "parameter"):
        names = tuple(name for each, name in frozen if each == kind)
        get = getattr(_SELF, f"get_{kind}")
        if len(names) == 1:
            yield ast.Expr(get(names[0]).requires_grad_(False).tree)
        elif names:
            yield _loop("name", literal(names), [ast.Expr(get(_NAME).requires_grad_(False).tree)])


def _frozen_parts(graph: Graph) -> Iterator[tuple[str, str]]:
    for node in graph.nodes:
        if isinstance(node, Region):
            every = [*(node.learned() if isinstance(node, Scan) else ()), *node.body.walk()]
            inside = [each for each in every if each.owner is None and _params(each)]
            if inside and all(each.frozen and not each.ties for each in inside):
                yield "submodule", node.path
            else:
                yield from _frozen_parts(node.body)
        elif node.frozen and node.owner is None:
            names = [name for name, param in _params(node).items() if not param.buffer]
            if names and "" not in names and not node.ties:
                yield "submodule", node.path
            else:
                yield from (("parameter", node.key(name)) for name in names if name not in node.ties)


def _train(norms: list[str]) -> list[ast.stmt]:
    """`train` for a network some of whose statistics never move."""
    statements: list[ast.stmt] = [ast.Expr(Expression(ast.Name("super"))().train(Expression(ast.Name("mode"))).tree)]
    names = literal(tuple(norms))
    statements.append(_loop("name", names, [ast.Expr(_SELF.get_submodule(_NAME).eval().tree)]))
    return [*statements, ast.Return(ast.Name("self"))]


def _has_statistics(node: Node) -> bool:
    assert isinstance(node.op, Op)
    return node.op.train_differs and any(param.buffer for param in _params(node).values())


def _params(node: Node) -> Mapping[str, Any]:
    assert isinstance(node.op, Op)
    return node.op.params(*(value.type for value in node.inputs))


def _loop(variable: str, over: ast.expr, body: list[ast.stmt]) -> ast.stmt:
    return ast.For(ast.Name(variable), over, body, [], lineno=1)


def _attribute(name: str) -> ast.expr:
    return ast.Attribute(ast.Name("module"), name)
