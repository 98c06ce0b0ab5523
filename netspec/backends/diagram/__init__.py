"""Graph -> pictures: SVG, a page, Mermaid and DOT, by the standard library alone."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.ir import Graph

FORMATS = ("svg", "html", "mmd", "dot")
#: Of an unrolled network.
MAX_STEPS = 50


@dataclass(frozen=True, slots=True)
class Picture:
    """The text of a picture, and what its reader should know: that something was folded."""

    text: str
    notes: tuple[str, ...]


def draw(graph: Graph, form: str, *, depth: int = 1, subtitle: str = "") -> Picture:
    """Draw a network.

    Args:
        graph: The network.
        form: `svg`, `html`, `mmd` (Mermaid) or `dot` (Graphviz).
        depth: How deep blocks are unfolded; 1 shows the network's own chain with each block as one box.
        subtitle: A line below the title.

    Raises:
        ValueError: there is no such form.
    """
    from netspec.backends.diagram import dot, mermaid, page, stage, svg

    drawing = stage.drawing(graph, depth, subtitle=subtitle)
    match form:
        case "svg":
            text = svg.render(drawing)
        case "html":
            text = page.render(drawing, graph)
        case "mmd":
            text = mermaid.render(drawing)
        case "dot":
            text = dot.render(drawing)
        case _:
            raise ValueError(f"a picture is one of {', '.join(FORMATS)}, got {form!r}")
    return Picture(text, drawing.notes)


def unroll(graph: Graph, steps: int, *, subtitle: str = "") -> str:
    """The network unrolled over its first steps, as an SVG document: time runs to the right."""
    from netspec.backends.diagram import unrolled, unrolled_svg, words
    from netspec.compiler.analyses import totals

    picture = unrolled.unrolled(graph, steps)
    return unrolled_svg.render(picture, graph.name, subtitle, words.totals_text(totals(graph), graph))
