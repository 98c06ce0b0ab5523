"""How the parameters of a layer are drawn: by its own `init`, else that of a group around it, else the spec's."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from collections.abc import Sequence

from netspec.compiler.initializers import AXES, Rules, is_rule, rules
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.session import Session
from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import TensorType
from netspec.lang.document import LayerDecl
from netspec.lang.nodes import Mapping, Node, describe, shorten
from netspec.ops.base import Op, Param


def initial(
    session: Session, body: Body, decl: LayerDecl, entry: Entry, env: Env, op: Op, types: Sequence[TensorType],
    report: Report,
) -> dict[str, Rules] | None:  # fmt: skip
    """The rules of a layer's parameters by name; None if one of them is wrong."""
    params = {name: param for name, param in op.params(*types).items() if not param.buffer}
    found: dict[str, Rules] = {}
    layers = [(decl.init, env, True)] if decl.init is not None else []
    layers += [(node, around, False) for node, around in body.inits]
    for node, around, is_own in layers:
        chosen = _of_section(node, around.names, params, op.name if is_own else None, report)
        if chosen is None:
            return None
        found = chosen | found
    for rule in session.inits:
        left = {name: param for name, param in params.items() if name not in found}
        chosen = rule.of(entry.path, op.name, left, report)
        if chosen is None:
            return None
        found |= chosen
    return found


def _of_section(
    node: Node, names: MappingOf[str, object], params: MappingOf[str, Param], own: str | None, report: Report
) -> dict[str, Rules] | None:
    """The rules that an `init` gives to parameters; `own` is the op's name where the section is the layer's own."""
    if is_rule(node):
        chosen = rules(node, names, report)
        if chosen is None:
            return None
        fitting = {name: chosen for name, param in params.items() if _fits(chosen, param)}
        if not fitting and own is not None:
            message = f"`{own}` has no parameter that this rule can fill"
            report.error("bad-attribute", message, node.span)
            return None
        return fitting
    if isinstance(node, Mapping):
        return by_parameter(node, names, params, own, report)
    message = f"`init` is a rule, or rules by parameter, got {describe(node)}"
    report.error("wrong-type", message, node.span, help="init: {weight: {normal: {std: 0.01}}, bias: zeros}")
    return None


def by_parameter(
    node: Mapping, names: MappingOf[str, object], params: MappingOf[str, Param], own: str | None, report: Report
) -> dict[str, Rules] | None:
    """Rules by parameter: an exact name, or `weight` and `bias` for all of that kind."""
    exact: dict[str, Rules] = {}
    of_kind: dict[str, Rules] = {}
    for key, value in node:
        chosen = rules(value, names, report)
        if chosen is None:
            return None
        matching = [key.text] if key.text in params else _kind(key.text, params)
        if not matching and own is not None:
            message = f"`{own}` has no parameter `{shorten(key.text)}`"
            report.error("unknown-key", message, key.span, help=did_you_mean(key.text, params))
            return None
        for name in matching:
            if not _fits(chosen, params[name]):
                message = f"`{chosen[0].function}` cannot fill `{name}` of shape {list(params[name].shape)}"
                report.error("bad-attribute", message, value.span)
                return None
            (exact if key.text in params else of_kind)[name] = chosen
    return of_kind | exact


def _kind(word: str, params: MappingOf[str, Param]) -> list[str]:
    return [name for name in params if word in ("weight", "bias") and word in name.rpartition(".")[2].split("_")]


def _fits(chosen: Rules, param: Param) -> bool:
    if len(chosen) > 1 and (not param.shape or param.shape[0] % len(chosen)):
        return False
    least, most = (max(ends) if i == 0 else min(ends) for i, ends in enumerate(_bounds(chosen)))
    return least <= len(param.shape) <= most


def _bounds(chosen: Rules) -> tuple[list[int], list[int]]:
    pairs = [AXES.get(rule.function, (0, 64)) for rule in chosen]
    return [low for low, _ in pairs], [high for _, high in pairs]
