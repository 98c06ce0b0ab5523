"""SVG, page, Mermaid and DOT: well formed, complete, escaped, self-contained, the same each time."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from netspec.backends.diagram import FORMATS, draw
from netspec.backends.diagram.metrics import shorten, width, wrap
from netspec.backends.diagram.stage import drawing
from netspec.compiler import load
from netspec.ir import Graph, Node, TensorType, Value
from tests.graphs import Chain, deep, flat, image, inception, resnet152

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</title><script>alert(1)</script>\"'&]]>--\x00\x1b\u202e%%{init}\\n;\n| end"


def parsed(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def number(element: ElementTree.Element, name: str) -> float:
    return float(element.get(name, "0"))


def hostile() -> Graph:
    """Names that the front end refuses, in every place that a name can have."""
    x = Value(HOSTILE, TensorType((4,)))
    chain = Chain()
    y = chain.region(
        HOSTILE, lambda c, v: c.op(HOSTILE, "relu", v), x, definition=HOSTILE, arguments={HOSTILE: HOSTILE}
    )
    y = chain.op("fc", "linear", y, out_features=4, node={"owner": HOSTILE})
    return Graph(HOSTILE, (x,), tuple(chain.nodes), (y,), (HOSTILE,))


@pytest.mark.parametrize("graph", [load("mnist_convnet").graph, resnet152(), inception()], ids=lambda graph: graph.name)
@pytest.mark.parametrize("depth", [1, 2, 4])
def test_every_box_and_every_wire_is_in_the_svg(graph: Graph, depth: int) -> None:
    scene = drawing(graph, depth).scene
    root = parsed(draw(graph, "svg", depth=depth).text)
    ids = {element.get("id") for element in root.iter(f"{SVG}g")} - {None}
    assert ids == {box.id for box in scene.all_boxes()}
    scenes = [scene, *(box.scene for box in scene.all_boxes() if box.scene)]
    wires = [(wire.source.id, wire.target.id) for each in scenes for wire in each.wires]
    drawn = [(path.get("data-from"), path.get("data-to")) for path in root.iter(f"{SVG}path") if path.get("data-from")]
    assert sorted(drawn) == sorted(wires)


@pytest.mark.parametrize("graph", [load("mnist_convnet").graph, resnet152(), deep(30)], ids=lambda graph: graph.name)
@pytest.mark.parametrize("depth", [1, 3])
def test_text_fits_into_its_box_and_the_picture(graph: Graph, depth: int) -> None:
    root = parsed(draw(graph, "svg", depth=depth).text)
    for group in root.iter(f"{SVG}g"):
        if not group.get("class", "").startswith(("box", "end")):
            continue
        outer = max(group.findall(f"{SVG}rect"), key=lambda rect: number(rect, "width"))
        left, right = number(outer, "x"), number(outer, "x") + number(outer, "width")
        for text in group.findall(f"{SVG}text"):
            kind = text.get("class", "")
            size = 13 if kind == "what" else 10 if "small" in kind else 11
            length = width(text.text or "", size, bold=kind == "what")
            start = number(text, "x") - {"end": length, "middle": length / 2}.get(text.get("text-anchor", ""), 0.0)
            assert left <= start and start + length <= right + 0.1, text.text
            assert number(outer, "y") < number(text, "y") < number(outer, "y") + number(outer, "height")


def test_a_shape_stands_on_every_edge_of_the_networks_own_chain() -> None:
    root = parsed(draw(load("mnist_convnet").graph, "svg").text)
    shapes = [text.text for text in root.iter(f"{SVG}text") if text.get("class") == "size"]
    assert shapes == [
        "1 × 28 × 28", "20 × 24 × 24", "20 × 24 × 24", "20 × 12 × 12", "2880", "100", "100", "10",
    ]  # fmt: skip


def test_titles_hold_the_arithmetic_and_the_line() -> None:
    text = draw(load("mnist_convnet").graph, "svg").text
    assert "size: (28 - 5)/1 + 1 = 24" in text
    assert "parameters: (1*5*5 + 1) * 20 = 520" in text
    assert re.search(r"line \d+", text)


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_network_gives_the_same_bytes(form: str) -> None:
    assert draw(resnet152(), form, depth=3).text == draw(resnet152(), form, depth=3).text


@pytest.mark.parametrize("form", ["svg", "html"])
def test_nothing_is_loaded_from_elsewhere(form: str) -> None:
    text = draw(inception(), form, depth=2).text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert not re.search(r"https?:|@import|url\(|src=|<link|<img|<image|<use", text)
    assert "prefers-color-scheme: dark" in text


def test_hostile_names_stay_text_in_svg() -> None:
    root = parsed(draw(hostile(), "svg", depth=2, subtitle=HOSTILE).text)
    assert not list(root.iter(f"{SVG}script"))
    title = root.find(f"{SVG}title")
    assert title is not None and title.text is not None and "<script>" in title.text


class Page(HTMLParser):
    """The tags of a page, its ids, and the targets of its links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.focusable = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        self.ids += [found["id"]] if found.get("id") else []  # type: ignore[list-item]
        self.links += [found["href"]] if found.get("href") else []  # type: ignore[list-item]
        self.focusable += "tabindex" in found or "href" in found


def test_hostile_names_stay_text_in_the_page() -> None:
    page = Page(draw(hostile(), "html").text)
    assert page.tags.count("script") == 1
    # Of the page, of its picture with four boxes, of the block's picture with one box and two ports.
    assert page.tags.count("title") == 1 + (1 + 4) + (1 + 3)


def test_every_block_of_the_page_has_its_details_and_every_link_its_target() -> None:
    page = Page(draw(resnet152(), "html").text)
    assert len(set(page.ids)) == len(page.ids)
    assert page.links and {link.removeprefix("#") for link in page.links} <= set(page.ids)
    # layer1-4; in each the first block, the others, and the first block's downsample.
    assert page.tags.count("details") == page.tags.count("summary") == 4 * 4
    assert page.tags.count("script") == 1


def test_every_box_of_the_page_can_have_the_focus() -> None:
    graph = load("mnist_convnet").graph
    page = Page(draw(graph, "html").text)
    assert page.focusable == len(drawing(graph).scene.boxes)


def test_mermaid_has_every_box_and_wire_and_no_open_text() -> None:
    text = draw(inception(), "mmd", depth=2).text
    scene = drawing(inception(), 2).scene
    assert text.count("subgraph ") == 2 and text.count("\n  end\n") == 2
    for box in scene.all_boxes():
        assert re.search(rf"^ *(subgraph )?{box.id}\W", text, re.MULTILINE)
    wires = len(scene.wires) + sum(len(box.scene.wires) for box in scene.all_boxes() if box.scene)
    assert text.count(" -->") == wires
    labels = re.findall(r'"([^"]*)"', draw(hostile(), "mmd", depth=2).text.split("---\n", 2)[2])
    assert labels and not any(re.search(r"[<>`\\|]", label.replace("<br/>", "")) for label in labels)


def test_dot_has_clusters_and_closed_quotes() -> None:
    text = draw(inception(), "dot", depth=2).text
    assert text.count("subgraph cluster_") == 2
    assert text.count("{") == text.count("}")
    hostile_text = draw(hostile(), "dot", depth=2).text
    assert "\x00" not in hostile_text and "\x1b" not in hostile_text
    for line in hostile_text.splitlines():
        assert len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) % 2 == 0, line


@pytest.mark.parametrize("form", FORMATS)
def test_ten_thousand_layers_take_seconds_at_most(form: str) -> None:
    graph = flat(10_000)
    start = time.process_time()
    picture = draw(graph, form)
    assert time.process_time() - start < 10
    assert len(picture.text) < 200_000
    assert picture.notes


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(ValueError, match="svg, html, mmd, dot"):
        draw(flat(1), "png")


def test_what_exists_in_training_only_is_dashed() -> None:
    chain, x = Chain(), image(4, name="x")
    y = chain.op("a", "linear", x, out_features=4)
    chain.op("aux", "linear", y, out_features=2, node={"presence": "head"})
    root = parsed(draw(chain.graph("net", (x,), y), "svg").text)
    dashed = [group for group in root.iter(f"{SVG}g") if "train-only" in group.get("class", "")]
    assert len(dashed) == 1
    assert all(isinstance(node, Node) for node in chain.nodes)


def test_a_call_names_the_layer_whose_parameters_it_uses() -> None:
    chain, x = Chain(), image(4, name="x")
    y = chain.op("a", "linear", x, out_features=4)
    graph = chain.graph("net", (x,), chain.op("b", "linear", y, out_features=4, node={"owner": "a"}))
    assert "parameters of a" in draw(graph, "svg").text


def test_long_texts_are_cut_in_their_middle_and_wrapped() -> None:
    cut = shorten("a_very_long_name_of_a_layer", 100, 11)
    assert cut.startswith("a_v") and cut.endswith("yer") and "…" in cut and width(cut, 11) <= 100
    assert shorten("short", 100, 11) == "short"
    lines = wrap([f"attribute{i} {i}" for i in range(12)], 150, 11, 3)
    assert len(lines) == 3 and lines[-1].endswith("…") and all(width(line, 11) <= 150.1 for line in lines)
