"""What a picture shows, before it is known where: boxes, wires between them, and boxes with a scene inside."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from netspec.ir import Region

# A "port" stands on the border of an unfolded block; "more" for layers that a long chain leaves out.
Kind = Literal["op", "block", "input", "output", "port", "more"]


@dataclass(slots=True, eq=False)
class Box:
    """An op, a block (folded, or with a scene inside), an end of the network, or a port."""

    id: str
    kind: Kind
    # What it is (an op's or block's name), what it is called, its main attributes, and its parameters.
    title: str
    name: str = ""
    attributes: list[str] = field(default_factory=list)
    note: str = ""
    family: str = "other"
    # Everything that is known, one fact a line.
    facts: str = ""
    count: int = 1
    train_only: bool = False
    region: Region | None = None
    scene: Scene | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """A value on its way: from an output of one box to an input of another. `label` is its shape."""

    source: Box
    output: int
    target: Box
    input: int
    label: str


@dataclass(slots=True, eq=False)
class Scene:
    """The boxes and wires of one graph."""

    boxes: list[Box] = field(default_factory=list)
    wires: list[Wire] = field(default_factory=list)

    def all_boxes(self) -> Iterator[Box]:
        """Those of unfolded blocks too."""
        for box in self.boxes:
            yield box
            if box.scene is not None:
                yield from box.scene.all_boxes()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A scene with its words: what stands above and below it."""

    title: str
    subtitle: str
    scene: Scene
    totals: str
    notes: tuple[str, ...] = ()
