"""Graph -> scene: blocks folded below a depth, runs of equal blocks drawn once, very long chains cut."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from netspec.backends.diagram import words
from netspec.backends.diagram.scene import Box, Drawing, Kind, Scene, Wire
from netspec.compiler.analyses import Layer, layers, totals
from netspec.compiler.fold import Entry, Folder, Run
from netspec.compiler.outline import contents
from netspec.ir import Graph, Input, Node, Region, Scan, Value

# A picture of more boxes is one that nobody reads, and takes seconds to lay out.
MAX_BOXES = 400
# Of a longer chain the middle is one box.
MAX_CHAIN = 120
ENDS = 40


@dataclass(frozen=True, slots=True, eq=False)
class _Middle:
    """Nodes of a long chain that are left out, as one."""

    members: tuple[Node | Region, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]


def drawing(graph: Graph, depth: int = 1, *, subtitle: str = "") -> Drawing:
    """The picture of a network with its blocks unfolded down to a depth: 1 shows the network's own chain.

    Where that would give too many boxes, the depth is less; a note says so.
    """
    artist = Artist(graph)
    scene, shown = artist.scene(graph, 1), 1
    while shown < depth and any(box.region is not None and box.scene is None for box in scene.all_boxes()):
        deeper = artist.scene(graph, shown + 1)
        if sum(1 for _ in deeper.all_boxes()) > MAX_BOXES:
            note = f"folded at depth {shown}: depth {shown + 1} has more than {MAX_BOXES} boxes"
            artist.notes.append(note)
            break
        scene, shown = deeper, shown + 1
    return Drawing(
        graph.name, subtitle, scene, words.totals_text(totals(graph), graph), tuple(dict.fromkeys(artist.notes))
    )


class Artist:
    """Makes scenes of one network's graphs; ids are unique over all of them, and begin with `prefix`."""

    def __init__(self, graph: Graph, prefix: str = "n") -> None:
        self._prefix = prefix
        self.folder = Folder()
        self.notes: list[str] = []
        self._rows: Mapping[str, Layer] = {row.path: row for row in layers(graph)}
        self._ids = 0

    def scene(self, graph: Graph, depth: int, *, ports: bool = False) -> Scene:
        """The scene of a graph; `ports` makes its inputs and outputs those of a block."""
        scene = Scene()
        made: dict[Value, tuple[Box, int]] = {}
        for value in graph.inputs:
            made[value] = (self._end(scene, "port" if ports else "input", value.name, value), 0)
        for entry in self._cut(graph):
            box = self._box(entry, depth)
            scene.boxes.append(box)
            self._connect(scene, box, entry.inputs, made)
            made.update((value, (box, index)) for index, value in enumerate(entry.outputs))
        names = graph.output_names or tuple(value.name for value in graph.outputs)
        for name, value in zip(names, graph.outputs, strict=True):
            end = self._end(scene, "port" if ports else "output", name, value)
            self._connect(scene, end, (value,), made)
        return scene

    def inside(self, region: Region, depth: int) -> Scene:
        """The scene inside a block; a group that is a run of equal blocks shows one of them."""
        run = self.folder.whole(region)
        first = run.first if run else region
        return self.scene(_shown(first if isinstance(first, Region) else region), depth, ports=True)

    def _cut(self, graph: Graph) -> Sequence[Entry | _Middle]:
        entries = self.folder.entries(graph)
        if len(entries) <= MAX_CHAIN:
            return entries
        middle = _middle(entries[ENDS:-ENDS], graph)
        self.notes.append(f"folded: {len(middle.members):,} layers of a chain of {len(entries):,} are drawn as one box")
        return [*entries[:ENDS], middle, *entries[-ENDS:]]

    def _connect(
        self, scene: Scene, target: Box, values: Sequence[Value], made: Mapping[Value, tuple[Box, int]]
    ) -> None:
        for index, value in enumerate(values):
            source, output = made[value]
            scene.wires.append(Wire(source, output, target, index, words.shape_text(value.type)))

    def _id(self) -> str:
        self._ids += 1
        return f"{self._prefix}{self._ids}"

    def _end(self, scene: Scene, kind: Kind, name: str, value: Value) -> Box:
        facts = f"{name}: {words.shape_text(value.type)}"
        marks = value.marks if isinstance(value, Input) else ()
        facts += f" ({', '.join(marks)})" if marks else ""
        box = Box(self._id(), kind, name, facts=facts, family="end", train_only="training only" in marks)
        scene.boxes.append(box)
        return box

    def _box(self, entry: Entry | _Middle, depth: int) -> Box:
        if isinstance(entry, _Middle):
            title = f"{len(entry.members):,} layers"
            path = f"{entry.members[0].path} to {entry.members[-1].path}"
            return Box(self._id(), "more", title, attributes=[path], note=words.note(entry.members), facts=path)
        first = entry.first if isinstance(entry, Run) else entry
        run = entry if isinstance(entry, Run) else None
        return self._op(first, run) if isinstance(first, Node) else self._block(first, run, depth)

    def _op(self, node: Node, run: Run | None) -> Box:
        row = self._rows[node.path]
        return Box(
            self._id(),
            "op",
            node.op.name,
            run.path.rpartition(".")[2] if run else node.name,
            words.attribute_words(node),
            f"parameters of {node.owner}" if node.owner else words.note(run.members if run else (node,)),
            words.family(node),
            words.layer_facts(row, run.count if run else 1),
            run.count if run else 1,
            row.presence != "always",
        )

    def _block(self, region: Region, run: Run | None, depth: int) -> Box:
        whole = None if run else self.folder.whole(region)
        inner = whole.first if whole and isinstance(whole.first, Region) else region
        box = Box(
            self._id(),
            "block",
            inner.definition or "group",
            run.path.rpartition(".")[2] if run else region.name,
            words.argument_words(inner) or contents(inner),
            words.note(run.members if run else (region,)),
            "block",
            words.region_facts(inner if whole else region, whole or run),
            whole.count if whole and inner is not region else run.count if run else 1,
            region.presence != "always",
            inner,
        )
        box.scene = self.scene(_shown(inner), depth - 1, ports=True) if depth > 1 else None
        return box


def _shown(region: Region) -> Graph:
    """The inside of a region, its ports in the order in which values enter and leave; then those of a scan's states."""
    if not isinstance(region, Scan):
        return region.body
    read = tuple(inside for inside, _ in region.entries())
    more = tuple(value for value in region.body.inputs if value not in read)
    return replace(region.body, inputs=(*read, *more), outputs=tuple(inside for inside, _ in region.exits()))


def _middle(entries: Sequence[Entry], graph: Graph) -> _Middle:
    members = tuple(node for entry in entries for node in (entry.members if isinstance(entry, Run) else (entry,)))
    made = {value: None for node in members for value in node.outputs}
    inside = set(members)
    read = {value: None for node in graph.nodes if node not in inside for value in node.inputs}
    read |= dict.fromkeys(graph.outputs)
    outside = {value: None for node in members for value in node.inputs if value not in made}
    return _Middle(members, tuple(outside), tuple(value for value in made if value in read))
