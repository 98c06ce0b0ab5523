"""Two networks side by side: which layers are new, gone or changed, and which weights of the one fit the other.

Layers are matched by path; those left over by their order and what they are, so that a renamed layer is found again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from math import prod
from typing import Literal

from netspec.compiler.analyses import Layer, Totals, layers, own_params, totals
from netspec.ir import Graph, Region, Scan, TensorType, Value

Status = Literal["same", "changed", "renamed", "added", "removed"]

# Matching by order compares every layer with every other one; beyond so many it would take minutes.
MAX_UNMATCHED = 4000


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LayerDiff:
    """One layer of either network, or a pair of them; `changes` says what differs, each as before and after."""

    status: Status
    before: Layer | None
    after: Layer | None
    changes: Mapping[str, tuple[object, object]]

    @property
    def path(self) -> str:
        """The path, of a renamed layer both."""
        if self.before is None or self.after is None or self.before.path == self.after.path:
            layer = self.after or self.before
            assert layer is not None
            return layer.path
        return f"{self.before.path} -> {self.after.path}"


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class WeightDiff:
    """State-dict keys: in both with one shape (they load), in both with another, in one only."""

    transferable: tuple[str, ...]
    other_shape: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    # Elements of the transferable tensors.
    num_transferable: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Diff:
    """What differs between two networks, in the order of the second; what the first alone has stands where it was."""

    layers: tuple[LayerDiff, ...]
    before: Totals
    after: Totals
    weights: WeightDiff
    # The inputs and outputs that differ, by name.
    ends: Mapping[str, tuple[str | None, str | None]]

    @property
    def is_same(self) -> bool:
        """Whether the networks have the same layers, inputs and outputs."""
        return not self.ends and all(layer.status == "same" for layer in self.layers)


def diff(before: Graph, after: Graph) -> Diff:
    """Compare two networks."""
    return Diff(
        _Pairing(before, after).rows(), totals(before), totals(after), weights(before, after), _ends(before, after)
    )


def weights(before: Graph, after: Graph) -> WeightDiff:
    """Which tensors of the one state dict fit the other."""
    old, new = _state(before), _state(after)
    both = [key for key in old if key in new]
    fitting = tuple(key for key in both if old[key] == new[key])
    numel = sum(prod(old[key]) for key in fitting)
    other = {key: (old[key], new[key]) for key in both if old[key] != new[key]}
    only_old, only_new = tuple(key for key in old if key not in new), tuple(key for key in new if key not in old)
    return WeightDiff(fitting, other, only_old, only_new, numel)


def _state(graph: Graph) -> dict[str, tuple[int, ...]]:
    """Keys and shapes of the state dict, buffers too."""
    return {node.key(name): param.shape for node in graph.walk() for name, param in own_params(node).items()}


class _Pairing:
    """Which layer of the one network stands for which of the other, and what became of it."""

    def __init__(self, before: Graph, after: Graph) -> None:
        self._before, self._after = layers(before), layers(after)
        self._old = {row.path: row for row in self._before}
        self._reads = _reads(before), _reads(after)
        self._partner = self._partners()

    def rows(self) -> tuple[LayerDiff, ...]:
        """All layers in the order of the second network; what is gone stands before what came after it."""
        gone = [row for row in self._before if row.path not in self._partner]
        place = {row.path: index for index, row in enumerate(self._before)}
        source = {new: old for old, new in self._partner.items()}
        found: list[LayerDiff] = []
        for row in self._after:
            match = self._old[source[row.path]] if row.path in source else None
            while gone and match and place[gone[0].path] < place[match.path]:
                found.append(LayerDiff("removed", gone.pop(0), None, {}))
            found.append(self._compare(match, row))
        return (*found, *(LayerDiff("removed", row, None, {}) for row in gone))

    def _partners(self) -> dict[str, str]:
        new = {row.path: row for row in self._after}
        same = {path: path for path, row in self._old.items() if path in new and new[path].op == row.op}
        left = [row for row in self._before if row.path not in same]
        right = [row for row in self._after if row.path not in same]
        return same | _by_order(left, right)

    def _compare(self, before: Layer | None, after: Layer) -> LayerDiff:
        if before is None:
            return LayerDiff("added", None, after, {})
        changes = dict(_changes(before, after))
        reads = tuple(self._partner.get(each, each) for each in self._reads[0][before.path])
        if reads != self._reads[1][after.path]:
            changes["reads"] = (", ".join(self._reads[0][before.path]), ", ".join(self._reads[1][after.path]))
        if not changes:
            return LayerDiff("same" if before.path == after.path else "renamed", before, after, {})
        return LayerDiff("changed", before, after, changes)


def _reads(graph: Graph) -> dict[str, tuple[str, ...]]:
    """By path of a layer, where what it reads was made: inputs and paths of layers, through all borders of blocks."""
    names = {value: value.name for value in graph.inputs}
    found: dict[str, tuple[str, ...]] = {}
    _trace(graph, names, found)
    return found


def _trace(graph: Graph, names: dict[Value, str], found: dict[str, tuple[str, ...]]) -> None:
    for node in graph.nodes:
        if isinstance(node, Region):
            found |= {each.path: () for each in (node.learned() if isinstance(node, Scan) else ())}
            states = {value: f"{node.path}.{value.name}" for value in node.body.inputs}  # of a scan, at its start
            names.update(states | {inside: names[value] for inside, value in node.entries()})
            _trace(node.body, names, found)
            names.update({value: names[inside] for inside, value in node.exits()})
            continue
        found[node.path] = tuple(names[value] for value in node.inputs)
        plural = len(node.outputs) > 1
        names.update((value, f"{node.path}.{i}" if plural else node.path) for i, value in enumerate(node.outputs))


def _by_order(left: Sequence[Layer], right: Sequence[Layer]) -> dict[str, str]:
    """Layers of other names that stand for each other: the same op with the same shapes, in the same order."""
    if len(left) > MAX_UNMATCHED or len(right) > MAX_UNMATCHED:
        return {}
    signatures = [_signature(row) for row in left], [_signature(row) for row in right]
    blocks = SequenceMatcher(None, *signatures, autojunk=False).get_matching_blocks()
    return {left[a + i].path: right[b + i].path for a, b, size in blocks for i in range(size)}


def _signature(row: Layer) -> tuple[object, ...]:
    return row.op, tuple(map(str, row.inputs)), str(row.output)


def _changes(before: Layer, after: Layer) -> list[tuple[str, tuple[object, object]]]:
    keys = dict.fromkeys([*before.attributes, *after.attributes])
    pairs: list[tuple[str, tuple[object, object]]] = [
        *((key, (before.attributes.get(key), after.attributes.get(key))) for key in keys),
        ("inputs", (_shapes(before.inputs), _shapes(after.inputs))),
        ("output", (str(before.output), str(after.output))),
        *((key, (getattr(before, key), getattr(after, key))) for key in ("owner", "frozen", "presence")),
    ]
    return [(key, (old, new)) for key, (old, new) in pairs if old != new]


def _shapes(types: Sequence[TensorType]) -> str:
    return ", ".join(map(str, types))


def _ends(before: Graph, after: Graph) -> dict[str, tuple[str | None, str | None]]:
    found: dict[str, tuple[str | None, str | None]] = {}
    for what in ("input", "output"):
        old, new = _named(before, what), _named(after, what)
        keys = dict.fromkeys([*old, *new])
        found |= {f"{what} {key}": (old.get(key), new.get(key)) for key in keys if old.get(key) != new.get(key)}
    return found


def _named(graph: Graph, what: str) -> dict[str, str]:
    if what == "input":
        return {value.name: str(value.type) for value in graph.inputs}
    return {name: str(value.type) for name, value in zip(graph.output_names, graph.outputs, strict=True)}
