"""The picture of an unrolled network: time runs to the right, layers stand on each other, as on a lecture's slide."""

from __future__ import annotations

from collections.abc import Iterator

from netspec.backends.diagram.markup import element, number, text
from netspec.backends.diagram.metrics import beginning, shorten, width
from netspec.backends.diagram.style import css, known
from netspec.backends.diagram.unrolled import Arrow, Cell, Unrolled

BOX_WIDTH, BOX_HEIGHT = 92.0, 36.0
COLUMN, ROW = 140.0, 74.0
EDGE, TOP = 24.0, 66.0
#: Copies that use the weights of the first one are dashed.
_COPY = ".netspec-diagram .copy > rect { stroke-dasharray: 4 3; }"


def render(picture: Unrolled, title: str, subtitle: str, totals: str) -> str:
    """The picture as an SVG document."""
    return _Page(picture).document(title, subtitle, totals)


class _Page:
    def __init__(self, picture: Unrolled) -> None:
        self._picture = picture
        self._rows = 1 + max(cell.row for cell in picture.cells)
        self._columns = 1 + max(cell.column for cell in picture.cells)
        notes = [width(note, 11) for note in picture.notes.values()]
        self._left = EDGE + max([*notes, 30.0]) + 34

    def document(self, title: str, subtitle: str, totals: str) -> str:
        full_width = max(self._left + self._columns * COLUMN + EDGE, 420.0)
        foot = TOP + self._rows * ROW
        legend = "solid: the weights; dashed: the same weights again" if self._picture.notes else ""
        body = [
            element("title", text(title)),
            element("desc", text(totals)),
            element("style", f"{css()}\n{_COPY}"),
            element("rect", class_="ground", width=full_width, height=foot + 44, rx=8),
            element("text", text(shorten(title, full_width - 2 * EDGE, 18, bold=True)), x=EDGE, y=32, class_="heading"),
            element("text", text(beginning(subtitle, full_width - 2 * EDGE, 11)), x=EDGE, y=50, class_="muted"),
            *map(self._arrow, self._picture.arrows),
            *(each for cell in self._picture.cells for each in self._around(cell)),
            *map(self._cell, self._picture.cells),
            *self._notes(),
            element("text", text(legend), x=EDGE, y=foot + 14, class_="muted"),
            element("text", text(totals), x=EDGE, y=foot + 32, class_="muted"),
        ]
        size = f'viewBox="0 0 {number(full_width)} {number(foot + 44)}" width="{number(full_width)}"'
        head = f'<svg xmlns="http://www.w3.org/2000/svg" class="netspec-diagram" role="group" {size}'
        return "\n".join([f'{head} height="{number(foot + 44)}">', *body, "</svg>\n"])

    def _middle(self, cell: Cell) -> tuple[float, float]:
        """The centre of a cell; the first row stands at the bottom."""
        x = self._left + cell.column * COLUMN + COLUMN / 2
        return x, TOP + (self._rows - 1 - cell.row) * ROW + ROW / 2

    def _cell(self, cell: Cell) -> str:
        x, y = self._middle(cell)
        is_end, own_width = cell.family == "end", _width(cell)
        rect = element(
            "rect", x=x - own_width / 2, y=y - BOX_HEIGHT / 2, width=own_width, height=BOX_HEIGHT,
            rx=BOX_HEIGHT / 2 if is_end else 6.0,
        )  # fmt: skip
        words = shorten(cell.title, own_width - 10, 11)
        label = element("text", text(words), x=x, y=y + 4, text_anchor="middle")
        is_copy = cell.copy > 0 and cell.row in self._picture.notes
        kind = "end" if is_end else f"box {known(cell.family)}{' copy' if is_copy else ''}"
        return element("g", rect + label, class_=kind)

    def _around(self, cell: Cell) -> Iterator[str]:
        """What a layer starts at, and that it goes on."""
        x, y = self._middle(cell)
        onward_y = y + 4
        if cell in self._picture.starts:
            onward = [a.target.column for a in self._picture.arrows if a.source is cell and a.target.row == cell.row]
            side = 1 if onward and max(onward) < cell.column else -1
            begin = x + side * (BOX_WIDTH / 2 + 22)
            yield _line(((begin, y), (x + side * BOX_WIDTH / 2, y)))
            anchor = "end" if side < 0 else "start"
            yield element("text", text(self._picture.starts[cell]), x=begin + 4 * side, y=y + 4, text_anchor=anchor)
            onward_y -= 12 if side > 0 else 0  # above the wire
        if cell in self._picture.ends:
            yield element("text", "…", x=x + _width(cell) / 2 + 8, y=onward_y, class_="muted")

    def _arrow(self, arrow: Arrow) -> str:
        (x, y), (to_x, to_y) = self._middle(arrow.source), self._middle(arrow.target)
        if arrow.source.row == arrow.target.row:
            side = 1 if to_x > x else -1
            start, end = x + side * BOX_WIDTH / 2, to_x - side * BOX_WIDTH / 2
            shift = 0.0 if side > 0 else 9.0
            label_y = y - 5 if side > 0 else y + shift + 11
            label = element(
                "text", text(arrow.label), x=(start + end) / 2, y=label_y, text_anchor="middle", class_="size"
            )
            return _line(((start, y + shift), (end, y + shift))) + label
        down = to_y + BOX_HEIGHT / 2
        if x == to_x and arrow.target.row - arrow.source.row > 1 and self._is_between(arrow):
            aside = x - BOX_WIDTH / 2 - 9
            up, own = y - BOX_HEIGHT / 2, x - 12
            return _line(((own, up), (own, up - 8), (aside, up - 8), (aside, down + 10), (own, down + 10), (own, down)))
        if x == to_x:
            return _line(((x, y - BOX_HEIGHT / 2), (x, down)))
        turn = y - BOX_HEIGHT / 2 - 12
        return _line(((x, y - BOX_HEIGHT / 2), (x, turn), (to_x - 8, turn), (to_x - 8, down)))

    def _is_between(self, arrow: Arrow) -> bool:
        low, high = arrow.source.row, arrow.target.row
        column = arrow.source.column
        return any(low < cell.row < high and cell.column == column for cell in self._picture.cells)

    def _notes(self) -> Iterator[str]:
        for row, note in self._picture.notes.items():
            y = TOP + (self._rows - 1 - row) * ROW + ROW / 2
            yield element("text", text(note), x=EDGE, y=y - 12, class_="muted")


def _width(cell: Cell) -> float:
    """Of the box, or of the round end, which is as wide as its name."""
    return BOX_WIDTH if cell.family != "end" else max(34.0, min(BOX_WIDTH, width(cell.title, 11) + 20))


def _line(points: tuple[tuple[float, float], ...]) -> str:
    """A wire with its tip at the last point."""
    path = "M" + " L".join(f"{number(x)} {number(y)}" for x, y in points)
    (before_x, before_y), (x, y) = points[-2:]
    length = max(abs(x - before_x), abs(y - before_y)) or 1.0
    dx, dy = (x - before_x) / length, (y - before_y) / length
    left, right = (x - 7 * dx - 4 * dy, y - 7 * dy + 4 * dx), (x - 7 * dx + 4 * dy, y - 7 * dy - 4 * dx)
    tip = f"M{number(x)} {number(y)} L{number(left[0])} {number(left[1])} L{number(right[0])} {number(right[1])} Z"
    return element("path", d=path, class_="wire") + element("path", d=tip, class_="tip")
