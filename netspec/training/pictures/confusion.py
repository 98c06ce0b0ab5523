"""The confusion matrix: a row for each true class, a column for each predicted one, counts in the cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netspec.training.pictures.svg import INK, MUTED, document, element, text

CELL = 44.0
LEFT, TOP, MARGIN, BOTTOM = 96.0, 104.0, 84.0, 24.0
# Right answers in blue, wrong ones in red; the darkest at the largest count of each kind.
RIGHT_RGB, WRONG_RGB = (68, 119, 170), (238, 102, 119)
MAX_LABEL = 10
#: Of a column's heading: a cell is that wide.
MAX_HEADING = 6


def confusion_svg(counts: Sequence[Sequence[int]], classes: Sequence[str]) -> str:
    """The matrix with the share of right answers of each class at its row's end."""
    size = len(counts)
    names = [name[:MAX_LABEL] for name in classes] if len(classes) == size else [str(index) for index in range(size)]
    total = sum(map(sum, counts))
    right = sum(counts[index][index] for index in range(size))
    width = max(LEFT + CELL * size + MARGIN, 380.0)
    body = [
        text(24, 34, "Confusion matrix", size=16, font_weight=600),
        text(24, 54, f"{right:,} of {total:,} right ({right / max(1, total):.2%})", fill=MUTED),
        text(LEFT + CELL * size / 2, TOP - 28, "predicted", fill=MUTED, anchor="middle"),
        text(LEFT - 36, TOP - 10, "true", fill=MUTED, anchor="middle"),
        *_headings(names),
        *_cells(counts),
        *_recalls(counts),
    ]
    return document(width, TOP + CELL * size + BOTTOM, "Confusion matrix", body)


def _headings(names: Sequence[str]) -> Iterator[str]:
    for index, name in enumerate(names):
        centre = CELL * (index + 0.5)
        yield text(LEFT + centre, TOP - 10, _short(name), anchor="middle", font_weight=600)
        yield text(LEFT - 10, TOP + centre + 4, name, anchor="end", font_weight=600)


def _short(name: str) -> str:
    """What fits above a column; more of the name stands at its row."""
    return name if len(name) <= MAX_HEADING else f"{name[: MAX_HEADING - 1]}…"


def _cells(counts: Sequence[Sequence[int]]) -> Iterator[str]:
    size = len(counts)
    most_right = max(counts[index][index] for index in range(size))
    most_wrong = max((counts[i][j] for i in range(size) for j in range(size) if i != j), default=0)
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            x, y = LEFT + CELL * j, TOP + CELL * i
            share = count / max(1, most_right if i == j else most_wrong)
            fill = _shade(RIGHT_RGB if i == j else WRONG_RGB, share)
            yield element("rect", x=x + 1, y=y + 1, width=CELL - 2, height=CELL - 2, rx=4, fill=fill)
            if count:
                ink = "#ffffff" if i == j and share > 0.5 else INK
                yield text(x + CELL / 2, y + CELL / 2 + 4, f"{count}", fill=ink, anchor="middle")


def _recalls(counts: Sequence[Sequence[int]]) -> Iterator[str]:
    x = LEFT + CELL * len(counts) + 12
    for index, row in enumerate(counts):
        if sum(row):
            yield text(x, TOP + CELL * (index + 0.5) + 4, f"{row[index] / sum(row):.1%}", fill=MUTED)
    yield text(x, TOP - 10, "right", fill=MUTED)


def _shade(rgb: tuple[int, int, int], share: float) -> str:
    """From a very light grey (nothing) to the full colour; the root makes few wrong answers visible."""
    weight = share**0.5
    mixed = (round(246 + (value - 246) * weight) for value in rgb)
    return "#" + "".join(f"{value:02x}" for value in mixed)
