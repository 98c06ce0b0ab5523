"""A network as an indented list: blocks and groups as headings, equal neighbours once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netspec.compiler import analyses
from netspec.compiler.analyses import Layer, layers, own_params, uses
from netspec.compiler.fold import Entry, Folder, Run
from netspec.ir import Graph, Node, Region, Scan, Size, TensorType, total
from netspec.ops.base import trainable


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Line:
    """A layer, or the heading of a block or group; of a run, the counts are those of all and `layer` is the first.

    `level` counts from 1, the network's own chain.
    """

    level: int
    path: str
    what: str
    output: TensorType
    num_params: int
    macs: Size
    count: int
    layer: Layer | None = None


def outline(graph: Graph, depth: int | None = None) -> list[Line]:
    """The lines of a network, those of blocks down to a depth (all where it is None)."""
    return list(_Outline(graph, depth).lines(graph, 1))


class _Outline:
    def __init__(self, graph: Graph, depth: int | None) -> None:
        self._depth = depth
        self._folder = Folder()
        self._rows: Mapping[str, Layer] = {row.path: row for row in layers(graph)}
        self._times = times_of(graph)

    def lines(self, graph: Graph, level: int) -> Iterator[Line]:
        for entry in self._folder.entries(graph):
            first, members = (entry.first, entry.members) if isinstance(entry, Run) else (entry, (entry,))
            if isinstance(first, Node) and first.layer != first.path:
                continue  # no layer of the file: `each` folds and unfolds
            whole = self._folder.whole(first) if isinstance(first, Region) and len(members) == 1 else None
            shown = whole.first if whole else first
            yield self._line(entry, members, whole, level)
            if isinstance(shown, Region) and (self._depth is None or level < self._depth):
                yield from self.lines(shown.body, level + 1)

    def _line(self, entry: Entry, members: Sequence[Node | Region], whole: Run | None, level: int) -> Line:
        count = whole.count if whole else len(members)
        shown = whole.first if whole else members[0]
        return Line(
            level=level,
            path=entry.path,
            what=f"{count:,} x {name(shown)}" if count > 1 else name(shown),
            output=entry.outputs[0].type if entry.outputs else TensorType(()),
            num_params=sum(map(params_of, members)),
            macs=total(macs_of(member) * self._times.get(member.path, 1) for member in members),
            count=count,
            layer=self._rows[shown.path] if isinstance(shown, Node) else None,
        )


def name(node: Node | Region) -> str:
    """What a node is: its op, its block, or what a group consists of."""
    if isinstance(node, Node):
        return node.op.name
    return node.definition or ", ".join(contents(node))


def contents(region: Region) -> list[str]:
    """What a group holds, in a few words: its blocks by name, else how many layers."""
    used = Counter(node.definition for node in region.body.nodes if isinstance(node, Region) and node.definition)
    blocks = [f"{count:,} x {block}" if count > 1 else block for block, count in used.items()]
    return blocks or [num_layers(region)]


def num_layers(region: Region) -> str:
    """`12 layers`."""
    count = sum(1 for _ in region.body.walk())
    return f"{count:,} layer{'s' if count != 1 else ''}"


def params_of(node: Node | Region) -> int:
    """The trained parameters of a node or of all inside a region, counted where they belong."""
    inner = node.body.walk() if isinstance(node, Region) else (node,)
    return sum(trainable(own_params(each)) for each in inner)


def times_of(graph: Graph, times: Size = 1) -> dict[str, Size]:
    """How often what stands in a scan runs, by path: nodes and regions."""
    found: dict[str, Size] = {}
    for region in (node for node in graph.nodes if isinstance(node, Region)):
        inner = times * region.steps if isinstance(region, Scan) else times
        found |= {node.path: inner for node in region.body.nodes if inner != 1} | times_of(region.body, inner)
    return found


def macs_of(node: Node | Region) -> Size:
    """The multiply-accumulates of a node or of all inside a region, all steps of a scan together."""
    if isinstance(node, Node):
        return analyses.macs_of(node)
    steps = node.steps if isinstance(node, Scan) else 1
    return total(analyses.macs_of(each) * times for each, times in uses(node.body, steps))
