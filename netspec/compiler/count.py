"""How many layers a spec would have, told before any is made.

A tower of repeats multiplies faster than layers can be made, so it must be counted by its arguments alone. Every layer
counts, with all inside of it, also one that is left out: each of them is work. Where a count depends on shapes it is
taken as one; elaboration counts on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise
from pathlib import Path

from netspec.compiler.budget import MAX_DEPTH, refuse_nodes
from netspec.compiler.extend import extended
from netspec.compiler.files import Files
from netspec.diagnostics import Report, Span, SpecError
from netspec.lang.bind import has_failed, value_of
from netspec.lang.document import ArgDecl, Document, LayerDecl, Layers, Parallel
from netspec.lang.nodes import Mapping as MappingNode
from netspec.lang.nodes import Node, Scalar
from netspec.lang.scans import cell_of
from netspec.lang.structure import structure

# Beyond so many looks at a layer, copies of a repeat are taken to be as large as the one at hand.
_LOOKS = 2_000
# Of more copies than these, which differ from each other, some are counted and those between them are interpolated.
_EACH, _SAMPLES = 8, 4
# How far an estimate may be off before a spec is refused for it.
_TOLERANCE = 100
_NOTES = 8

Names = Mapping[str, object]


def check_count(document: Document, names: Names, files: Files, report: Report) -> None:
    """Refuse a spec of too many layers.

    Raises:
        OutOfBudget: `too-large` is reported, with the number and the chain of repeats and blocks that makes it.
    """
    counter = _Counter(files)
    root = _Chain(document, document.layers, names)
    total = counter.chain(root, 0)
    if total > files.limits.graph_nodes * (_TOLERANCE if counter.is_estimate else 1):
        span, notes = _explained(counter, root)
        refuse_nodes(total, files.limits, span, report, notes=notes)


def _explained(counter: _Counter, chain: _Chain) -> tuple[Span, tuple[str, ...]]:
    """The place of the largest layer of the spec; its number of layers and that of the largest one in it, and so on."""
    notes: list[str] = []
    spans: list[Span] = []
    inside: _Chain | None = chain
    while inside is not None and len(notes) < _NOTES:
        counter.looks = min(counter.looks, _LOOKS - _LOOKS // 10)
        around = inside
        sized = [(counter.layer(around, each, around.names, 0), each) for each in around.layers if each is not None]
        if not sized:
            break
        count, layer = max(sized, key=lambda pair: pair[0])
        spans.append(layer.repeat.span if layer.repeat is not None else layer.key.span)
        notes.append(f"`{layer.key.text}` at line {spans[-1].line}: {count:,} layer{'s' if count > 1 else ''}")
        some = counter.copies(layer, around.names)[1]
        if not some:
            break
        largest = max(some, key=partial(counter.once, around, layer, depth=0))
        inside = counter.inside(around, layer, largest)
    return spans[0], tuple(notes)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Chain:
    """Layers, what names in them mean, and the document that they are of."""

    document: Document
    layers: Layers
    names: Names
    # The chains around, where calls find what they call.
    around: tuple[Layers, ...] = ()
    # The block, the file or the called layer that it is the inside of.
    of: object = None

    def within(self, layers: Layers) -> _Chain:
        """A chain inside of this one."""
        return replace(self, layers=layers, around=(self.layers, *self.around))


@dataclass(slots=True, eq=False, repr=False)
class _Counter:
    files: Files
    looks: int = 0
    is_estimate: bool = False
    _open: list[object] = field(default_factory=list)
    _known: dict[tuple[int, str], int] = field(default_factory=dict)
    _documents: dict[str, Document | None] = field(default_factory=dict)
    # What is put together of several parts, held so that it is always the same object, by which its count is known.
    _parts: dict[tuple[int, int], Layers] = field(default_factory=dict)

    def chain(self, chain: _Chain, depth: int) -> int:
        return sum(self.layer(chain, layer, chain.names, depth) for layer in chain.layers if layer is not None)

    def layer(self, chain: _Chain, layer: LayerDecl, names: Names, depth: int) -> int:
        """A layer with all of its copies; a named repeat is a layer itself."""
        if layer.repeat is None:
            return self.once(chain, layer, names, depth)
        count, some = self.copies(layer, names)
        own = int(layer.name is not None and "{" not in layer.name.text)
        if not some:
            return own
        sizes = [self.once(chain, layer, each, depth) for each in some]
        if len(some) in (1, count):
            return own + sum(sizes) * (count // len(some))
        self.is_estimate = True
        means = [(left + right) / 2 for left, right in pairwise(sizes)]
        return own + int(sum(means) / len(means) * count)

    def copies(self, layer: LayerDecl, names: Names) -> tuple[int, list[Names]]:
        """How many copies there are, and the names in some of them: in one if they are equal, else in up to eight."""
        if layer.repeat is None:
            return 1, [names]
        if layer.repeat.count is not None:
            count = _value(layer.repeat.count, names)
            length = len(count) if isinstance(count, list) else count if type(count) is int and count >= 0 else 1
            return length, [names][:length]
        columns = {key.text: _items(_value(node, names)) for key, node in layer.repeat.variables}
        length = min((len(items) for items in columns.values()), default=1)
        if length == 0 or not depends(layer, columns):
            return length, [{**names, **{name: items[0] for name, items in columns.items()}}] if length else []
        if self.looks > _LOOKS:
            self.is_estimate = True
            chosen = [length - 1]
        else:
            chosen = _chosen(length)
        return length, [{**names, **{name: items[i] for name, items in columns.items()}} for i in chosen]

    def once(self, chain: _Chain, layer: LayerDecl, names: Names, depth: int) -> int:
        """One copy of a layer."""
        self.looks += 1
        if layer.when is not None and _value(layer.when, names) is False:
            return 1
        inside = self.inside(chain, layer, names) if depth <= MAX_DEPTH else None
        if inside is None:
            return 1
        if inside.of in self._open:  # a circle, reported when it is elaborated
            return 1
        key = (id(inside.layers), repr(sorted(inside.names.items())))
        if key not in self._known:
            self._open += [inside.of] if inside.of is not None else []
            self._known[key] = 1 + self.chain(inside, depth + 1)
            del self._open[len(self._open) - (inside.of is not None) :]
        return self._known[key]

    def inside(self, chain: _Chain, layer: LayerDecl, names: Names) -> _Chain | None:
        """The layers in a layer, and what names mean there; None for an op."""
        document, key, argument = chain.document, layer.key.text, layer.argument
        if layer.body is not None:
            return replace(chain, names=names, of=None).within(layer.body)
        if layer.parallel is not None:
            return replace(chain, names=names, of=None).within(self._kept(layer.parallel, ()))
        if key == "use":
            return self._used(chain, layer, names)
        if key == "call":
            target = _called(chain, argument)
            if target is None:
                return None
            return replace(chain, names=names, of=id(target)).within(self._kept(None, target))
        if key == "op":
            key, argument = _word(argument, names), None
        if key == "scan" and (cell := cell_of(argument)) is not None:
            key, argument = _word(cell[0], names), cell[1]
        block = document.blocks.get(key)
        if block is None:
            return None
        found = _arguments(block.args, argument, names)
        return _Chain(document, self._kept(block.parallel, block.layers), found, of=(id(document), key))

    def _used(self, chain: _Chain, layer: LayerDecl, names: Names) -> _Chain | None:
        value = _value(layer.argument, names) if layer.argument is not None else None
        if not isinstance(value, str) or layer.argument is None:
            return None
        path = self.files.locate(value, layer.argument.span, Report())
        if path is None:
            return None
        if str(path) not in self._documents:
            self._documents[str(path)] = self._read(str(path), layer.argument.span)
        document = self._documents[str(path)]
        if document is None:
            return None
        given = _arguments(document.args, layer.beside.get("args"), names)
        sizes = {name: each.size for name, each in document.vocabs.items()}
        return _Chain(document, document.layers, given | sizes, of=str(path))

    def _read(self, path: str, span: Span) -> Document | None:
        """A file's document, or None; what is wrong with it is reported when it is elaborated."""
        report = Report()
        try:
            tree = self.files.tree(Path(path), span, report)
            root = extended(tree, self.files, report) if tree is not None else None
            return structure(root, root.span.source, report) if root is not None else None
        except SpecError:
            return None

    def _kept(self, parallel: Parallel | None, after: Layers | LayerDecl) -> Layers:
        """The layers of branches and those that follow."""
        key = (id(parallel), id(after))
        if key not in self._parts:
            self._parts[key] = (*_of_parallel(parallel), *(after if isinstance(after, tuple) else (after,)))
        return self._parts[key]


def depends(layer: LayerDecl, names: Mapping[str, object]) -> bool:
    """Whether the copies of a repeat differ: a variable stands in the layer, elsewhere than in its name."""
    text = layer.span.text
    for part in (layer.repeat.span if layer.repeat else None, layer.name.span if layer.name else None):
        text = text if part is None else text.replace(part.text, " ", 1)
    declared = ":" if layer.repeat is not None else ""
    words = re.findall(r"[A-Za-z_][A-Za-z0-9_]*", text)
    return any(words.count(name) > (1 if declared else 0) for name in names)


def _chosen(length: int) -> list[int]:
    if length <= _EACH:
        return list(range(length))
    return [(length - 1) * step // _SAMPLES for step in range(_SAMPLES + 1)]


def _of_parallel(parallel: Parallel | None) -> Iterator[LayerDecl | None]:
    for branch in parallel.branches if parallel is not None else ():
        yield from branch.layers


def _called(chain: _Chain, argument: Node | None) -> LayerDecl | None:
    """The layer that is called."""
    name = argument.text.removesuffix(".step") if isinstance(argument, Scalar) else ""
    for layer in (each for layers in (chain.layers, *chain.around) for each in layers):
        if layer is not None and layer.name is not None and layer.name.text == name:
            return layer
    return None


def _arguments(decls: Mapping[str, ArgDecl], given: Node | None, names: Names) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, decl in decls.items():
        if isinstance(given, MappingNode) and name in given:
            value = _value(given.entries[name][1], names)
        elif isinstance(given, Scalar) and (decl.default is None or len(decls) == 1):
            value = _value(given, names)
        else:
            value = _value(decl.default, found) if decl.default is not None else None
        if value is not None:
            found[name] = value
    return found


def _value(node: Node, names: Names) -> object:
    """The value of a node, or None where it cannot be told yet."""
    value = value_of(node, Report(), names)
    return None if has_failed(value) else value


def _word(node: Node | None, names: Names) -> str:
    """The name that a node holds, or an expression gives."""
    value = _value(node, names) if isinstance(node, Scalar) else None
    return value if isinstance(value, str) else ""


def _items(value: object) -> range | list[object]:
    if isinstance(value, list):
        return value
    return range(value) if type(value) is int and value >= 0 else range(1)
