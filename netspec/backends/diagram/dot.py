"""Drawing -> Graphviz's DOT: unfolded blocks are clusters."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.backends.diagram.scene import Box, Drawing, Scene, Wire
from netspec.backends.diagram.style import FAMILIES, known

_HEAD = (
    "  rankdir=TB;",
    '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11, fillcolor=white];',
    '  edge [fontname="Helvetica", fontsize=9, color="#7b8794", fontcolor="#616e7c"];',
)


def render(drawing: Drawing) -> str:
    """The picture as a DOT text."""
    label = _quoted("\n".join([drawing.title, drawing.totals, *drawing.notes]))
    lines = [
        f"digraph {_quoted(drawing.title)} {{",
        *_HEAD,
        f"  label={label}; labelloc=b;",
        *_scene(drawing.scene, "  "),
    ]
    return "\n".join([*lines, "}"]) + "\n"


def _scene(scene: Scene, indent: str) -> Iterator[str]:
    for box in scene.boxes:
        if box.scene is None:
            yield f"{indent}{box.id} [{_look(box)}];"
            continue
        yield f"{indent}subgraph cluster_{box.id} {{"
        yield f'{indent}  label={_quoted(heading(box))}; style="rounded,filled"; color="#9fb0c0"; fillcolor="#f7f9fb";'
        yield from _scene(box.scene, indent + "  ")
        yield f"{indent}}}"
    for wire in scene.wires:
        yield f"{indent}{start(wire).id} -> {end(wire).id} [label={_quoted(wire.label)}];"


def start(wire: Wire) -> Box:
    """The box that a wire leaves: of an unfolded block, the port that gives the value."""
    return exits(wire.source)[wire.output] if wire.source.scene is not None else wire.source


def end(wire: Wire) -> Box:
    """The box that a wire enters: of an unfolded block, the port that takes the value."""
    return entries(wire.target)[wire.input] if wire.target.scene is not None else wire.target


def exits(box: Box) -> list[Box]:
    """The ports through which values leave an unfolded block, in their order."""
    assert box.scene is not None
    return [wire.target for wire in box.scene.wires if wire.target.kind == "port"]


def entries(box: Box) -> list[Box]:
    """The ports through which values enter an unfolded block, in their order."""
    assert box.scene is not None
    leaving = set(exits(box))
    return [each for each in box.scene.boxes if each.kind == "port" and each not in leaving]


def _look(box: Box) -> str:
    if box.kind == "port":
        return 'shape=point, label=""'
    if box.kind in ("input", "output"):
        label = f"{box.kind} {box.title}"
        return f'label={_quoted(label)}, shape=oval, fillcolor="#1f2933", fontcolor=white'
    fill, line, _, _ = FAMILIES[known(box.family)]
    tooltip = f', tooltip={_quoted(box.facts)}, color="{line}", fillcolor="{fill}"'
    dashed = ', style="rounded,filled,dashed"' if box.train_only else ""
    return f"label={_quoted(words(box))}{tooltip}{dashed}"


def words(box: Box) -> str:
    """What stands in a box, a line each."""
    parts = [heading(box), ", ".join(box.attributes), box.note]
    return "\n".join(part for part in parts if part)


def heading(box: Box) -> str:
    """How a box is called, what it is, and how often it stands there."""
    times = f"  × {box.count:,}" if box.count > 1 else ""
    return f"{box.name}: {box.title}{times}" if box.name else f"{box.title}{times}"


def _quoted(text: str) -> str:
    """A text in quotes; characters that are not printed (a NUL would end the file) become blanks."""
    lines = ("".join(each if each.isprintable() else " " for each in line) for line in text.split("\n"))
    escaped = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
