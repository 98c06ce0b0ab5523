"""`optimizer:` of a section, with groups of parameters that have arguments of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from netspec.compiler.select import Parameter, parameters, selectors, unmatched
from netspec.diagnostics import Report
from netspec.ir import Graph
from netspec.lang.bind import bind
from netspec.lang.form import mapping, sequence
from netspec.lang.nodes import Mapping, Node
from netspec.training.optimizers import OPTIMIZERS, Optimizer
from netspec.training.table import Chosen, choose

GROUPS = "groups"
PARAMS = "params"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Group:
    """Parameters (by state-dict key) that one optimiser moves with the same arguments."""

    optimizer: Optimizer
    keys: tuple[str, ...]


def bind_groups(node: Node, graph: Graph, trained: Iterable[str], report: Report) -> tuple[Group, ...] | None:
    """An optimiser and what it moves: first what is in no group, then the groups in the order of the file.

    Args:
        node: `{NAME: {..., groups: [{params: [SEL], ...}]}}`.
        graph: The network that is trained.
        trained: State-dict keys of what is trained; a parameter belongs to the first group that selects it.
        report: Takes what `bind` reports, and `unknown-name` for a selector that selects nothing.

    Returns:
        Groups none of which is empty, or None if something is wrong.
    """
    chosen = choose(node, OPTIMIZERS, report, "optimizer", inside=frozenset({GROUPS}))
    if chosen is None:
        return None
    before = len(report)
    written = _written(node, chosen)
    declared = list(_declared(chosen, written, report))
    if len(report) > before:
        return None
    known = [each for each in parameters(graph) if not each.param.buffer]
    left = dict.fromkeys(trained)
    found = [Group(optimizer, _taken(optimizer, picked, known, left, report)) for optimizer, picked in declared]
    groups = (Group(chosen.entry, tuple(left)), *found)
    return tuple(group for group in groups if group.keys)


def _declared(chosen: Chosen[Optimizer], written: Mapping, report: Report) -> Iterator[tuple[Optimizer, Node]]:
    for item in sequence(chosen.inside.get(GROUPS), "`groups`", report) or ():
        node = mapping(item, "a group of parameters", report)
        if node is None:
            continue
        picked = node.get(PARAMS)
        if picked is None:
            report.error("missing-key", "a group of parameters needs `params`", node.span)
            continue
        own = {key: entry for key, entry in node.entries.items() if key != PARAMS}
        merged = Mapping({**written.entries, **own}, node.span)
        entry = bind(type(chosen.entry), merged, report, span=node.span, what=f"a group of {chosen.entry.name}")
        if entry is not None:
            yield entry, picked


def _written(node: Node, chosen: Chosen[Optimizer]) -> Mapping:
    """The optimiser's own arguments as they stand in the spec, which a group may replace."""
    argument = node.get(chosen.entry.name) if isinstance(node, Mapping) else None
    if isinstance(argument, Mapping):
        return Mapping({key: entry for key, entry in argument.entries.items() if key != GROUPS}, argument.span)
    return Mapping({}, chosen.span)


def _taken(
    optimizer: Optimizer, picked: Node, known: list[Parameter], left: dict[str, None], report: Report
) -> tuple[str, ...]:
    """What a group takes of what is left."""
    chosen = selectors(picked, report)
    unmatched(chosen, known, report)
    keys = {each.key for each in known if any(each.matches(selector) for selector in chosen)}
    taken = tuple(key for key in left if key in keys)
    for key in taken:
        del left[key]
    return taken
