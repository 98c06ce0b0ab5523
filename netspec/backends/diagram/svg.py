"""Drawing -> SVG: one file, no resources from elsewhere, all text escaped, the same bytes for the same network."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

from netspec.backends.diagram import boxes
from netspec.backends.diagram.layout import Placement, Rect, Route, place
from netspec.backends.diagram.markup import element, number, text
from netspec.backends.diagram.metrics import beginning, shorten, width
from netspec.backends.diagram.scene import Box, Drawing, Scene
from netspec.backends.diagram.style import css, known

EDGE = 24.0
TOP = 64.0
# Words that stand for a family in the legend; the others by their own name.
_LEGEND = {"norm": "normalisation", "regularize": "regularisation"}

Wrap = Callable[[Box, str], str]


def render(drawing: Drawing, *, style: bool = True, wrap: Wrap | None = None) -> str:
    """A picture as an SVG document.

    Args:
        drawing: What to show.
        style: With the style sheet in it; a page that has it already leaves it out.
        wrap: Puts the markup of a box into an element of its own (a link), by default a group.
    """
    placement = layout(drawing.scene)
    legend = list(_legend(drawing.scene))
    room = max(placement.width, 380.0)
    full_width = room + 2 * EDGE
    left = EDGE + (room - placement.width) / 2
    words = [line for each in (drawing.totals, *drawing.notes) for line in boxes.lines(each, room)]
    rows = _legend_rows(legend, room)
    foot = TOP + placement.height + 30
    full_height = foot + 20 * len(rows) + 16 * len(words) + 14
    body = [
        element("title", text(drawing.title)),
        element("desc", text(drawing.totals)),
        *([element("style", css())] if style else []),
        element("rect", class_="ground", width=full_width, height=full_height, rx=8),
        *_head(drawing, room),
        element(
            "g", "\n".join(_scene(placement, wrap or _group)), transform=f"translate({number(left)} {number(TOP)})"
        ),
        *_chips(rows, foot),
        *_foot(words, foot + 20 * len(rows)),
    ]
    return _document(full_width, full_height, body)


def fragment(scene: Scene, description: str, *, wrap: Wrap) -> str:
    """The inside of a block alone, without title and legend; a page around it has the style sheet."""
    placement = layout(scene)
    width, height = placement.width + 2 * EDGE, placement.height + EDGE
    inside = "\n".join(_scene(placement, wrap, alone=True))
    moved = element("g", inside, transform=f"translate({number(EDGE)} {number(EDGE / 2)})")
    return _document(width, height, [element("title", text(description)), moved])


def _document(width: float, height: float, body: list[str]) -> str:
    size = f'viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" height="{number(height)}"'
    root = f'<svg xmlns="http://www.w3.org/2000/svg" class="netspec-diagram" role="group" {size}>'
    return "\n".join([root, *body, "</svg>\n"])


def layout(scene: Scene) -> Placement:
    """Where everything is."""
    return place(scene, boxes.measure, boxes.title_width)


def _group(box: Box, inside: str) -> str:
    return element("g", inside, id=box.id, class_=classes(box))


def classes(box: Box) -> str:
    """The classes of a box's element."""
    kind = {"input": "end", "output": "end", "port": "border"}.get(box.kind, f"box {known(box.family)}")
    folded = " folded" if box.kind == "block" and box.scene is None else ""
    return ("group" if box.scene is not None else kind + folded) + (" train-only" if box.train_only else "")


def _head(drawing: Drawing, room: float) -> Iterator[str]:
    yield element("text", text(shorten(drawing.title, room, 18, bold=True)), x=EDGE, y=32, class_="heading")
    if drawing.subtitle:
        yield element("text", text(beginning(drawing.subtitle, room, 11)), x=EDGE, y=50, class_="muted")


def _foot(words: list[str], y: float) -> Iterator[str]:
    for index, line in enumerate(words):
        yield element("text", text(line), x=EDGE, y=y + 12 + 16 * index, class_="muted")


def _scene(placement: Placement, wrap: Wrap, *, alone: bool = False) -> Iterator[str]:
    """Blocks first, then wires, then boxes and shapes: what matters most lies on top."""
    for box, rect in placement.boxes.items():
        if box.scene is not None:
            inside = "\n".join(_scene(placement.inner[box], wrap))
            side = (rect.width - placement.inner[box].width) / 2
            moved = element("g", inside, transform=f"translate({number(rect.x + side)} {number(rect.y)})")
            yield wrap(box, "".join([*boxes.frame(box, rect), moved]))
    # Skip connections last, so that nothing covers them.
    for route in sorted(placement.routes, key=lambda route: route.passes):
        yield _wire(route)
    for box, rect in placement.boxes.items():
        if box.scene is None:
            yield wrap(box, "".join(boxes.draw(box, rect)))
    yield from _shapes(placement.routes, alone)


def _wire(route: Route) -> str:
    wire, (x, y) = route.wire, route.points[-1]
    skip = route.passes
    line = element(
        "path", d=path(route.points), class_="wire skip" if skip else "wire",
        **{"data-from": wire.source.id, "data-to": wire.target.id},
    )  # fmt: skip
    if wire.target.kind == "port" or wire.target.scene is not None:
        return line
    tip = f"M{number(x)} {number(y)}l-4 -7h8z"
    return line + element("path", d=tip, class_="skip-tip" if skip else "tip")


def path(points: Iterable[tuple[float, float]]) -> str:
    """A line through points: straight where it goes down, a curve with vertical ends where it goes to the side."""
    pieces = []
    for index, ((x, y), (to_x, to_y)) in enumerate(pairwise(points)):
        if index == 0:
            pieces.append(f"M{number(x)} {number(y)}")
        if abs(to_x - x) < 0.5:
            pieces.append(f"L{number(to_x)} {number(to_y)}")
        else:
            middle = number((y + to_y) / 2)
            pieces.append(f"C{number(x)} {middle} {number(to_x)} {middle} {number(to_x)} {number(to_y)}")
    return "".join(pieces)


def _shapes(routes: list[Route], alone: bool) -> Iterator[str]:
    """The shape of each value, once, where it leaves its box.

    What enters a block has its shape outside, and so has what only leaves it, unless the block is drawn alone.
    """
    values: dict[tuple[Box, int], list[Route]] = defaultdict(list)
    for route in routes:
        values[route.wire.source, route.wire.output].append(route)
    for (source, _), group in values.items():
        if alone or (source.kind != "port" and any(route.wire.target.kind != "port" for route in group)):
            yield _shape(group)


def _shape(routes: list[Route]) -> str:
    """On the right of the wire, unless it is there that wires turn."""
    x, y = routes[0].points[0]
    turns = {_side(route) for route in routes}
    left = 1 in turns and -1 not in turns
    place = {"x": x - 7, "text_anchor": "end"} if left else {"x": x + 7}
    return element("text", text(routes[0].wire.label), y=y + 15, class_="size", **place)


def _side(route: Route) -> int:
    """Where a wire turns to beside its shape: -1 is left, 1 is right, 0 nowhere."""
    for (x, y), (to_x, _) in pairwise(route.points):
        if abs(to_x - x) >= 0.5:
            # Further down it passes below the words.
            return 0 if y > route.points[0][1] + 18 else 1 if to_x > x else -1
    return 0


def _legend(scene: Scene) -> Iterator[str]:
    used = dict.fromkeys(known(box.family) for box in scene.all_boxes() if box.kind == "op")
    yield from used


def _legend_rows(families: list[str], room: float) -> list[list[tuple[str, str, float]]]:
    """Family, words and place of each chip, in rows that fit."""
    rows: list[list[tuple[str, str, float]]] = []
    x = room + 1
    for family in families:
        words = _LEGEND.get(family, family)
        space = width(words, 10) + 34
        if x + space > room + 14:
            rows.append([])
            x = 0.0
        rows[-1].append((family, words, x))
        x += space
    return rows


def _chips(rows: list[list[tuple[str, str, float]]], y: float) -> Iterator[str]:
    for index, row in enumerate(rows):
        for family, words, x in row:
            place = Rect(EDGE + x, y + 20 * index, 12, 12)
            chip = element("rect", x=place.x, y=place.y - 8, width=12, height=12, rx=3, stroke_width=1.2)
            label = element("text", text(words), x=place.x + 18, y=place.y + 2, class_="small muted")
            yield element("g", chip + label, class_=family)
