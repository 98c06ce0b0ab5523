"""How many layers a spec would have, told before any is made.

A tower of repeats multiplies faster than layers can be made, so it must be counted by its arguments alone. Where a count
depends on shapes it is taken as one, so the number found is a lower bound; elaboration counts on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from netspec.compiler.budget import refuse_nodes
from netspec.diagnostics import Report, Span
from netspec.lang.bind import has_failed, value_of
from netspec.lang.document import Document, LayerDecl, Layers, Parallel
from netspec.lang.nodes import Mapping as MappingNode
from netspec.lang.nodes import Node, Scalar
from netspec.lang.reader import Limits

# Beyond so many looks at a layer, copies of a repeat are taken to be as large as the first one.
_LOOKS = 20_000
_DEPTH = 100

Names = Mapping[str, object]


def check_count(document: Document, names: Names, limits: Limits, report: Report) -> None:
    """Refuse a spec of too many layers.

    Raises:
        OutOfBudget: `too-large` is reported, with the number and the chain of repeats and blocks that makes it.
    """
    counter = _Counter(document)
    total = counter.layers(document.layers, names, 0)
    # An estimate may be wrong by a little; elaboration counts exactly.
    if total > limits.graph_nodes * (10 if counter.looks > _LOOKS else 1):
        span, notes = _chain(counter, document, names, report)
        refuse_nodes(total, limits, span, report, tuple(notes))


def _chain(counter: _Counter, document: Document, names: Names, report: Report) -> tuple[Span, list[str]]:
    """The largest layer of the spec, and of the blocks in it, down to the last repeat."""
    notes: list[str] = []
    layers, first = document.layers, None
    for _ in range(_DEPTH):
        sized = [(counter.layer(layer, names, 0), layer) for layer in layers if layer is not None]
        if not sized:
            break
        count, layer = max(sized, key=lambda pair: pair[0])
        first = first or layer
        place = layer.repeat.span if layer.repeat is not None else layer.key.span
        notes.append(f"`{layer.key.text}` at line {place.line}: {count:,} layers")
        inside = counter.inside(layer, names)
        if inside is None or len(notes) >= 8:
            break
        layers, names = inside
    assert first is not None, "a spec of many layers has one"
    return (first.repeat.span if first.repeat is not None else first.key.span), notes


@dataclass(slots=True)
class _Counter:
    document: Document
    looks: int = 0
    _known: dict[tuple[str, str], int] = field(default_factory=dict)

    def layers(self, layers: Layers, names: Names, depth: int) -> int:
        return sum(self.layer(layer, names, depth) for layer in layers if layer is not None)

    def layer(self, layer: LayerDecl, names: Names, depth: int) -> int:
        self.looks += 1
        if depth > _DEPTH:
            return 1
        if layer.repeat is None:
            return self._once(layer, names, depth)
        if layer.repeat.count is not None:
            count = _value(layer.repeat.count, names)
            return (count if type(count) is int else 1) * self._once(layer, names, depth)
        return self._copies(layer, names, depth)

    def _copies(self, layer: LayerDecl, names: Names, depth: int) -> int:
        assert layer.repeat is not None
        columns = {key.text: _items(_value(node, names)) for key, node in layer.repeat.variables}
        length = min((len(items) for items in columns.values()), default=1)
        total = 0
        for index in range(length):
            around = {**names, **{name: items[index] for name, items in columns.items()}}
            once = self._once(layer, around, depth)
            if self.looks > _LOOKS or isinstance(next(iter(columns.values())), range) and not _matters(layer, columns):
                return total + once * (length - index)
            total += once
        return total

    def _once(self, layer: LayerDecl, names: Names, depth: int) -> int:
        inside = self.inside(layer, names)
        if inside is None:
            return 1
        layers, around = inside
        block = self.document.blocks.get(layer.key.text)
        if block is None:
            return self.layers(layers, around, depth + 1)
        key = (layer.key.text, repr(sorted(around.items(), key=lambda item: item[0])))
        if key not in self._known:
            self._known[key] = self.layers(layers, around, depth + 1)
        return self._known[key]

    def inside(self, layer: LayerDecl, names: Names) -> tuple[Layers, Names] | None:
        """The layers in a layer, and what names mean there; None for an op."""
        if layer.body is not None:
            return layer.body, names
        if layer.parallel is not None:
            return _of_parallel(layer.parallel), names
        block = self.document.blocks.get(layer.key.text)
        if block is None:
            return None
        parts = (*_of_parallel(block.parallel), *block.layers)
        return parts, self._arguments(layer, names)

    def _arguments(self, layer: LayerDecl, names: Names) -> dict[str, object]:
        block = self.document.blocks[layer.key.text]
        assert block is not None
        found: dict[str, object] = {}
        given = layer.argument
        for name, decl in block.args.items():
            if isinstance(given, MappingNode) and name in given:
                value = _value(given.entries[name][1], names)
            elif isinstance(given, Scalar) and len(block.args) == 1:
                value = _value(given, names)
            else:
                value = _value(decl.default, found) if decl.default is not None else None
            if value is not None:
                found[name] = value
        return found


def _of_parallel(parallel: Parallel | None) -> Layers:
    return tuple(layer for branch in (parallel.branches if parallel else ()) for layer in branch.layers)


def _matters(layer: LayerDecl, columns: Mapping[str, object]) -> bool:
    """Whether a repeat variable is named in what it repeats."""
    text = layer.span.text
    return any(name in text.replace("repeat", "", 1) for name in columns)


def _value(node: Node, names: Names) -> object:
    """The value of a node, or None where it cannot be told yet."""
    value = value_of(node, Report(), names)
    return None if has_failed(value) else value


def _items(value: object) -> range | list[object]:
    if isinstance(value, list):
        return value
    return range(value) if type(value) is int and value >= 0 else range(1)
