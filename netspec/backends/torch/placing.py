"""Where what a class owns stands: `self.encoder.conv1`, registered under the spec's names whatever they are."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from netspec.backends.torch.expressions import Expression, Holder, Owned
from netspec.backends.torch.naming import is_attribute
from netspec.ir import Node, Region

_SELF = ast.Name("self")


def reach(place: tuple[str, ...]) -> ast.expr:
    """`self.encoder.conv1`, or by a call where a name is no identifier. An empty place is `self`."""
    own = Expression(_SELF)
    if all(map(is_attribute, place)):
        for name in place:
            own = Expression(ast.Attribute(own.tree, name))
        return own.tree
    return (
        Expression(ast.Name("getattr"))(own, *place) if len(place) == 1 else own.get_submodule(".".join(place))
    ).tree


def tensor(place: tuple[str, ...]) -> ast.expr:
    """`self.embed.weight`: a parameter or a buffer."""
    holder, name = reach(place[:-1]), place[-1]
    if is_attribute(name):
        return ast.Attribute(holder, name)
    return Expression(ast.Name("getattr"))(Expression(holder), name).tree


def registered(place: tuple[str, ...], tree: ast.expr, owned: Owned | None = None) -> ast.stmt:
    """`self.conv1 = nn.Conv2d(...)`, or a call where that cannot be written."""
    holder, name, value = Expression(reach(place[:-1])), place[-1], Expression(tree)
    if owned is not None and owned.kind == "buffer":
        options = {} if owned.persistent else {"persistent": False}
        return ast.Expr(holder.register_buffer(name, value, **options).tree)
    if is_attribute(name):
        return ast.Assign([ast.Attribute(holder.tree, name)], tree, lineno=1)
    is_parameter = owned is not None and owned.kind == "parameter"
    return ast.Expr((holder.register_parameter if is_parameter else holder.add_module)(name, value).tree)


def held(own: object, place: tuple[str, ...]) -> Iterator[ast.stmt]:
    """What a module holds that has no class of its own: `self.attn.qkv = nn.Linear(...)`."""
    initial = own.initial if isinstance(own, Owned) else own
    for name, member in initial.members.items() if isinstance(initial, Holder) else ():
        tree = (member.initial if isinstance(member, Owned) else member).tree
        yield registered((*place, name), tree, member if isinstance(member, Owned) else None)


def given_up(node: Node | Region, place: tuple[str, ...]) -> Iterator[ast.stmt]:
    """A parameter that is another's, transposed, is not there."""
    if isinstance(node, Node):
        for name, tie in node.ties.items():
            if tie.transpose:
                yield ast.Delete([ast.Attribute(reach(place), name)])
