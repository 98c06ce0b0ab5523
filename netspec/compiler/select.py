"""Selectors, which say in a spec which parameters are meant (language.md section 5, SEL).

A path with all below it (`encoder.enc1`, `fc.bias`), a glob (`"h.*.ln_1"`), `{op: layer_norm}` or `{parameter: bias}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

from netspec.compiler.analyses import op_of
from netspec.compiler.glob import capture, capture_prefix
from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Graph, Node
from netspec.lang.nodes import Mapping, Scalar, Sequence, describe, shorten
from netspec.lang.nodes import Node as Syntax
from netspec.ops.base import Param

Kind = Literal["path", "op", "parameter"]
KINDS: tuple[Kind, ...] = get_args(Kind)

# `weight` and `bias` also mean the several that recurrent layers and attention have: bias_ih_l0, out_proj.bias.
GROUPS = frozenset({"weight", "bias"})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Selector:
    """Which parameters are meant: by path, by op, or by the parameter's own name; `*` stands for a part or a piece."""

    kind: Kind
    text: str
    span: Span

    def matches(self, path: str, op: str, parameter: str) -> bool:
        """Whether a parameter (of the layer at `path`, which is an `op`) is selected.

        `parameter` is empty for a `param` layer, and for whoever asks about the layer itself.
        """
        if self.kind == "op":
            return capture(self.text, op) is not None
        if self.kind == "parameter":
            pieces = re.split(r"[._]", parameter) if self.text in GROUPS else ()
            return self.text in pieces or capture(self.text, parameter) is not None
        key = f"{path}.{parameter}" if parameter else path
        return capture_prefix(self.text, key) is not None

    def __str__(self) -> str:
        return self.text if self.kind == "path" else f"{{{self.kind}: {self.text}}}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Parameter:
    """A parameter or buffer by one of its names: the layer that uses it, which need not be the one that owns it."""

    key: str
    name: str
    node: Node
    param: Param

    def matches(self, selector: Selector) -> bool:
        """Whether it is selected; a layer that is called again answers to its own path and to its owner's."""
        op = op_of(self.node).name
        paths = {self.node.path, self.node.owner or self.node.path}
        return any(selector.matches(path, op, self.name) for path in paths)


def parameters(graph: Graph) -> Iterator[Parameter]:
    """Every parameter and buffer of every layer, in order; those that are used twice appear twice, with one key."""
    for node in graph.walk():
        types = tuple(value.type for value in node.inputs)
        for name, param in op_of(node).params(*types).items():
            yield Parameter(node.key(name), name, node, param)


def selector(node: Syntax, report: Report) -> Selector | None:
    """The selector that a value of a spec is, or None and a report of `wrong-type`, `wrong-value` or `unknown-key`."""
    if isinstance(node, Mapping):
        return _by_kind(node, report)
    if not isinstance(node, Scalar) or node.value is None or isinstance(node.value, bool):
        message = f"a selector is a path, a glob, {{op: OP}} or {{parameter: NAME}}, got {describe(node)}"
        report.error("wrong-type", message, node.span)
        return None
    return _checked("path", node, report)


def selectors(node: Syntax, report: Report) -> tuple[Selector, ...]:
    """The selectors of a list, or of one that stands alone; those that are wrong are reported and left out."""
    items = node.items if isinstance(node, Sequence) else (node,)
    found = (selector(item, report) for item in items)
    return tuple(each for each in found if each is not None)


def unmatched(selectors: Iterable[Selector], known: Iterable[Parameter], report: Report) -> None:
    """Report `unknown-name` for each selector that selects none of the known parameters, with the nearest that does."""
    found = list(known)
    for each in selectors:
        if not any(parameter.matches(each) for parameter in found):
            message = f"`{shorten(str(each))}` selects no parameter of the network"
            report.error("unknown-name", message, each.span, help=did_you_mean(each.text, _names(each.kind, found)))


def selected(selectors: Iterable[Selector], graph: Graph, report: Report) -> frozenset[str]:
    """The state-dict keys that any of the selectors selects; reports those that select nothing."""
    wanted, known = tuple(selectors), tuple(parameters(graph))
    unmatched(wanted, known, report)
    return frozenset(each.key for each in known if any(each.matches(selector) for selector in wanted))


def _by_kind(node: Mapping, report: Report) -> Selector | None:
    keys = KINDS[1:]
    strange = [key for key, _ in node if key.text not in keys]
    for key in strange:
        report.error("unknown-key", f"a selector has no `{key.text}`", key.span, help=did_you_mean(key.text, keys))
    if strange:
        return None
    if len(node) != 1:
        report.error("wrong-value", f"a selector has one of op and parameter, got {len(node)} keys", node.span)
        return None
    kind = keys[0] if keys[0] in node else keys[1]
    value = node.get(kind)
    if not isinstance(value, Scalar) or not isinstance(value.value, str):
        found = describe(value) if value is not None else "nothing"
        report.error("wrong-type", f"`{kind}` of a selector is a name, got {found}", node.span)
        return None
    return _checked(kind, value, report)


def _checked(kind: Kind, node: Scalar, report: Report) -> Selector | None:
    """Numbers are names of layers too: `layer3.22` is text, `0` and `3.1` are paths as written."""
    if "" in node.text.split("."):
        message = f"{shorten(node.text)!r} is not a dotted name"
        report.error("wrong-value", message, node.span)
        return None
    return Selector(kind, node.text, node.span)


def _names(kind: Kind, known: list[Parameter]) -> set[str]:
    if kind == "op":
        return {op_of(each.node).name for each in known}
    if kind == "parameter":
        return {each.name for each in known if each.name}
    paths = {each.node.path for each in known}
    return {".".join(path.split(".")[: depth + 1]) for path in paths for depth in range(path.count(".") + 1)}
