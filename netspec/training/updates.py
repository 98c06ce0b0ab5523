"""What moves parameters in a step: one update by all losses, or several in turn (`updates`, as in a GAN)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Graph
from netspec.lang.bind import bind
from netspec.lang.form import IDENTIFIER, mapping, sequence
from netspec.lang.nodes import Mapping, Node, is_null
from netspec.training.groups import Group, bind_groups
from netspec.training.phases import Phase, bind_phases
from netspec.training.settings import Turns
from netspec.training.terms import Term, Terms
from netspec.training.trained import TRAIN_ONLY, Trained, bind_trained

#: Keys of a section in whose place `updates` stands.
ONE = frozenset({"loss", "optimizer", "schedule"})
KEYS = ONE | {"name", "every", TRAIN_ONLY}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Update:
    """One optimiser with its losses and rates. It moves parameters in every `every`-th step, and no others.

    `name` is empty where it is the only one.
    """

    name: str
    terms: tuple[Term, ...]
    groups: tuple[Group, ...]
    schedule: tuple[Phase, ...]
    every: int = 1
    #: Layers whose statistics do not move in this update.
    still: tuple[str, ...] = ()

    @property
    def keys(self) -> frozenset[str]:
        """State-dict keys of what it moves."""
        return frozenset(key for group in self.groups for key in group.keys)


def bind_updates(
    section: Mapping, place: Span, graph: Graph, trained: Trained, terms: Terms | None, report: Report
) -> tuple[Update, ...] | None:
    """The updates of a section, or None if something is wrong.

    Args:
        section: A section that has `updates`, or else `loss` and `optimizer`.
        place: Where the section is named.
        graph: The network that is trained.
        trained: What `freeze` and `train_only` of the section leave.
        terms: Reads losses; None where nothing is known of the data, and names alone are checked.
        report: Takes every mistake.
    """
    node = section.get("updates")
    if node is None or is_null(node):
        one = _Reader(section, place, graph, terms, report).update("", trained, 1)
        return None if one is None else (one,)
    for key in sorted(ONE & section.entries.keys()):
        report.error("bad-training", f"`updates` stands in place of `{key}`", section.key(key).span)
    items = list(_items(node, report))
    found = [_named(item, graph, trained, terms, report) for item in items]
    updates = tuple(update for update in found if update is not None)
    if len({update.name for update in updates}) < len(updates):
        report.error("duplicate-name", "two updates have the same name", node.span)
    return updates if updates and len(updates) == len(items) else None


def _items(node: Node, report: Report) -> Iterator[Mapping]:
    listed = sequence(node, "`updates`", report)
    if listed is not None and not len(listed):
        report.error("wrong-value", "`updates` is a list of one update at least", node.span)
    for item in listed or ():
        found = mapping(item, "an update", report)
        if found is not None:
            yield found


def _named(node: Mapping, graph: Graph, trained: Trained, terms: Terms | None, report: Report) -> Update | None:
    strange = [key for key, _ in node if key.text not in KEYS]
    for key in strange:
        report.error("unknown-key", f"an update has no key `{key.text}`", key.span, help=did_you_mean(key.text, KEYS))
    plain = Mapping({key: entry for key, entry in node.entries.items() if key in Turns.model_fields}, node.span)
    turns = bind(Turns, plain, report, span=node.span, what="an update")
    if turns is not None and not IDENTIFIER.fullmatch(turns.name):
        report.error("bad-name", "the name of an update is made of letters, digits and `_`", node.key("name").span)
        turns = None
    own = bind_trained(node, graph, report)
    both = Trained(tuple(key for key in own.keys if key in trained.keys), own.frozen, own.still)
    if turns is None or strange:
        return None
    return _Reader(node, node.span, graph, terms, report).update(turns.name, both, turns.every)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Reader:
    """Reads what an update is made of."""

    section: Mapping
    place: Span
    graph: Graph
    terms: Terms | None
    report: Report

    def update(self, name: str, trained: Trained, every: int) -> Update | None:
        groups = self._groups(trained)
        schedule = bind_phases(self.section.get("schedule"), self.report)
        found = self._losses()
        if not found or groups is None or schedule is None:
            return None
        return Update(name, found, groups, schedule, every, trained.still if name else ())

    def _losses(self) -> tuple[Term, ...]:
        node = self._required("loss", "needs a `loss`")
        if self.terms is None:
            Terms.names(node, None, self.report)
        return () if node is None or self.terms is None else self.terms.losses(node)

    def _groups(self, trained: Trained) -> tuple[Group, ...] | None:
        node = self._required("optimizer", "needs an `optimizer`, as in `optimizer: {sgd: {lr: 0.1}}`")
        groups = bind_groups(node, self.graph, trained.keys, self.report) if node is not None else None
        if groups is not None and node is not None and not trained.keys and trained.frozen:
            self.report.error("bad-training", "nothing is left to train: every parameter is frozen", node.span)
            return None
        return groups

    def _required(self, key: str, message: str) -> Node | None:
        node = self.section.get(key)
        if not is_null(node):
            return node
        self.report.error("missing-key", f"`train` {message}", self.place)
        return None
