"""The spec-wide `init:` list: rules by selector, of which the first that matches wins."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from netspec.compiler.initializers import Rules
from netspec.compiler.initials import by_parameter
from netspec.compiler.scope import Env
from netspec.compiler.select import Selector, parameters, selectors, unmatched
from netspec.diagnostics import Report
from netspec.ir import Graph
from netspec.lang import form
from netspec.lang.document import Document
from netspec.lang.nodes import Mapping, Node, describe
from netspec.ops.base import Param


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SpecRule:
    """One entry of the list: selectors, and rules by parameter."""

    selectors: tuple[Selector, ...]
    section: Mapping
    env: Env

    def of(self, path: str, op: str, params: MappingOf[str, Param], report: Report) -> dict[str, Rules] | None:
        """The rules that this entry gives to the parameters of a layer; None if one of them is wrong."""
        chosen = (name for name in params if any(each.matches(path, op, name) for each in self.selectors))
        selected = {name: params[name] for name in chosen}
        return by_parameter(self.section, self.env.names, selected, None, report) if selected else {}


def spec_rules(document: Document, env: Env, report: Report) -> list[SpecRule]:
    """The rules of a spec's `init:` list."""
    found = [_rule(item, env, report) for item in document.init or ()]
    return [rule for rule in found if rule is not None]


def check_used(rules: Iterable[SpecRule], graph: Graph, report: Report) -> None:
    """Report `unknown-name` for every selector that selects no parameter of the network."""
    unmatched([selector for rule in rules for selector in rule.selectors], parameters(graph), report)


def _rule(item: Node, env: Env, report: Report) -> SpecRule | None:
    section = form.mapping(item, "a rule of `init`", report)
    if section is None:
        return None
    if "params" not in section:
        report.error("missing-key", "a rule of `init` needs `params`, the list of what it is for", form.first_of(item))
        return None
    chosen = section.get("params")
    assert chosen is not None
    found = selectors(chosen, report)
    rest = Mapping({key: entry for key, entry in section.entries.items() if key != "params"}, section.span)
    if len(rest) == 0:
        message = f"a rule of `init` says how parameters are drawn, got {describe(item)} without a rule"
        report.error("missing-key", message, form.first_of(item), help="weight: {normal: {std: 0.01}}")
        return None
    return SpecRule(found, rest, env)
