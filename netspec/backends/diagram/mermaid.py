"""Drawing -> Mermaid's flowchart: unfolded blocks are subgraphs."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.backends.diagram.dot import end, heading, start, words
from netspec.backends.diagram.scene import Box, Drawing, Scene
from netspec.backends.diagram.style import FAMILIES, known

# Mermaid reads HTML entities of its own (`#quot;`), and some characters of a label as Markdown or markup.
_ESCAPED = frozenset('"#&<>`*_\\[](){}|%;~')


def render(drawing: Drawing) -> str:
    """The picture as a Mermaid text."""
    lines = ["---", f"title: {_title(drawing.title)}", "---", "flowchart TD", *_scene(drawing.scene, "  ")]
    lines += [f"  %% {line}" for line in (drawing.totals, *drawing.notes)]
    return "\n".join([*lines, *_classes(drawing.scene)]) + "\n"


def _scene(scene: Scene, indent: str) -> Iterator[str]:
    for box in scene.boxes:
        if box.scene is None:
            yield f"{indent}{box.id}{_shape(box)}"
            continue
        yield f'{indent}subgraph {box.id}["{_label(heading(box))}"]'
        yield from _scene(box.scene, indent + "  ")
        yield f"{indent}end"
    for wire in scene.wires:
        label = f'|"{_label(wire.label)}"|' if wire.target.kind != "port" else ""
        yield f"{indent}{start(wire).id} -->{label} {end(wire).id}"


def _shape(box: Box) -> str:
    if box.kind == "port":
        return '((" "))'
    if box.kind in ("input", "output"):
        return f'(["{_label(f"{box.kind} {box.title}")}"])'
    brackets = '[["{}"]]' if box.kind == "block" else '["{}"]'
    return brackets.format(_label(words(box)))


def _classes(scene: Scene) -> Iterator[str]:
    """Fill and border of each family; texts stay dark, since the fills are light."""
    members: dict[str, list[str]] = {}
    for box in scene.all_boxes():
        if box.kind in ("op", "block") and box.scene is None:
            members.setdefault(known(box.family), []).append(box.id)
    for family, ids in members.items():
        fill, line, _, _ = FAMILIES[family]
        yield f"  classDef {family} fill:{fill},stroke:{line},color:#1f2933"
        yield f"  class {','.join(ids)} {family}"


def _label(text: str) -> str:
    return "<br/>".join("".join(map(_character, line)) for line in text.splitlines())


def _character(character: str) -> str:
    return f"#{ord(character)};" if character in _ESCAPED or not character.isprintable() else character


def _title(text: str) -> str:
    """A line of YAML: quoted, since a name may be a number there."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return '"' + plain.replace("\\", "\\\\").replace('"', '\\"') + '"'
