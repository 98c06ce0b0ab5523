"""Equal neighbours of a chain as one: what a summary, a picture and a table of arithmetic say once, with `35 x`.

Two nodes are equal when the same ops with the same attributes and types, under the same names, read the same places
inside. A run is a chain of equal nodes, each reading what the one before it gives, and nobody else reads in between.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from netspec.ir import Graph, Node, Region, Scan, Value

# Two equal blocks are a repetition; equal ops are one from three on: people write two in a row by hand.
MIN_OPS = 3
MIN_REGIONS = 2

_LAST_NUMBER = re.compile(r"(.*?)(\d+)", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Run:
    """Equal nodes in a chain, two or more; the first stands for all."""

    members: tuple[Node | Region, ...]

    @property
    def first(self) -> Node | Region:
        """The node that is shown."""
        return self.members[0]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.members)

    @property
    def path(self) -> str:
        """The paths of all: `layer3.1-35`, `denselayer1-6`."""
        return f"{self.first.path}-{_number(self.members[-1].name)[1]}"

    @property
    def inputs(self) -> tuple[Value, ...]:
        """What the first reads."""
        return self.first.inputs

    @property
    def outputs(self) -> tuple[Value, ...]:
        """What the last gives."""
        return self.members[-1].outputs


Entry = Node | Region | Run


class Folder:
    """Folds the graphs of one network; what it found out about a node is kept, so that each is looked at once."""

    def __init__(self) -> None:
        self._kinds: dict[Hashable, int] = {}
        self._known: dict[Node | Region, int] = {}

    def kind(self, node: Node | Region) -> int:
        """A number that equal nodes share."""
        if node not in self._known:
            signature = self._region(node) if isinstance(node, Region) else _node(node)
            self._known[node] = self._kinds.setdefault(signature, len(self._kinds))
        return self._known[node]

    def entries(self, graph: Graph) -> list[Entry]:
        """The nodes of a graph, in order, with its runs folded."""
        readers = Counter(value for node in graph.nodes for value in set(node.inputs))
        readers.update(graph.outputs)
        found: list[Entry] = []
        start = 0
        while start < len(graph.nodes):
            members = self._run(graph.nodes, start, readers)
            least = MIN_REGIONS if isinstance(members[0], Region) else MIN_OPS
            found += [Run(members)] if len(members) >= least else members
            start += len(members)
        return found

    def whole(self, region: Region) -> Run | None:
        """The run that a region consists of, as a named repeat of equal blocks does; None where it is more."""
        if isinstance(region, Scan):
            return None
        entries = self.entries(region.body)
        only = entries[0] if len(entries) == 1 else None
        ends = isinstance(only, Run) and only.inputs == region.body.inputs and only.outputs == region.body.outputs
        return only if ends and isinstance(only, Run) else None

    def _run(self, nodes: Sequence[Node | Region], start: int, readers: Counter[Value]) -> tuple[Node | Region, ...]:
        end, first = start + 1, nodes[start]
        links: tuple[tuple[int, int], ...] = ()
        while end < len(nodes) and self._repeats(nodes[end - 1], nodes[end]):
            before, node = nodes[end - 1], nodes[end]
            found = _links(before, node)
            if not found or found != (links or found) or not _fed_alone(first, before, node, readers):
                break
            links, end = found, end + 1
        return tuple(nodes[start:end])

    def _repeats(self, before: Node | Region, node: Node | Region) -> bool:
        """Whether a node is equal to the one before it, and its name counts on: 3 and 4, `conv3` and `conv4`."""
        (stem, number), (next_stem, next_number) = _number(before.name), _number(node.name)
        counts_on = stem == next_stem and number is not None and next_number == number + 1
        return counts_on and self.kind(node) == self.kind(before)

    def _region(self, region: Region) -> Hashable:
        places: dict[Value, tuple[int, int]] = {value: (-1, i) for i, value in enumerate(region.body.inputs)}
        inner = []
        for index, node in enumerate(region.body.nodes):
            inner.append((node.name, self.kind(node), tuple(places[value] for value in node.inputs)))
            places.update({value: (index, i) for i, value in enumerate(node.outputs)})
        outputs = tuple(places[value] for value in region.body.outputs)
        types = tuple(value.type for value in region.inputs)
        walk = _walk(region) if isinstance(region, Scan) else None
        return "region", region.definition, region.owner, region.presence, types, tuple(inner), outputs, walk


def _walk(scan: Scan) -> Hashable:
    """How a scan starts and steps."""
    slots = [(slot.state, slot.axis, slot.is_given, slot.start and _node(slot.start)) for slot in scan.slots]
    return tuple(slots), str(scan.steps), scan.reverse, scan.is_single


def _node(node: Node) -> Hashable:
    types = tuple(value.type for value in (*node.inputs, *node.outputs))
    inputs = tuple(node.inputs.index(value) for value in node.inputs)  # x * x is not x * y
    attributes = repr(node.op.attributes())
    return (
        node.op.name,
        attributes,
        types,
        len(node.inputs),
        inputs,
        node.owner,
        node.presence,
        node.frozen,
        _rules(node),
    )


def _rules(node: Node) -> Hashable:
    ties = tuple(sorted((name, tie.key, tie.transpose) for name, tie in node.ties.items()))
    return ties, repr(sorted(node.init.items()))


def _number(name: str) -> tuple[str, int | None]:
    """A name and the number at its end."""
    found = _LAST_NUMBER.fullmatch(name)
    return (found[1], int(found[2])) if found else (name, None)


def _links(before: Node | Region, node: Node | Region) -> tuple[tuple[int, int], ...]:
    """Which port of a node reads which output of the one before it."""
    places = {value: index for index, value in enumerate(before.outputs)}
    return tuple((port, places[value]) for port, value in enumerate(node.inputs) if value in places)


def _fed_alone(first: Node | Region, before: Node | Region, node: Node | Region, readers: Counter[Value]) -> bool:
    """Whether nobody but `node` reads what `before` gives, and what it reads beside is what all of the run read."""
    alone = all(readers[value] == (value in node.inputs) for value in before.outputs)
    beside = zip(first.inputs, node.inputs, strict=True)
    return alone and all(value in before.outputs or value is shared for shared, value in beside)
