"""The layout: nothing overlaps, wires go down from box to box, and the same network gives the same picture."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import combinations, pairwise

import pytest

from netspec.backends.diagram.layout import Placement, Rect
from netspec.backends.diagram.layout.align import median
from netspec.backends.diagram.scene import Box, Scene
from netspec.backends.diagram.stage import drawing
from netspec.backends.diagram.svg import layout
from netspec.compiler import load
from netspec.ir import Graph
from tests.graphs import Chain, deep, dense, flat, image, inception, resnet152


def random_graph(seed: int, count: int = 40) -> Graph:
    """Layers that read one to four others, most of them near."""
    draw = random.Random(seed)
    chain, x = Chain(), image(4, name="x")
    values = [x]
    for index in range(count):
        near = values[-6:] if draw.random() < 0.8 else values
        chosen = draw.sample(near, min(len(near), draw.randint(1, 4)))
        op = "add" if len(chosen) > 1 else draw.choice(["relu", "linear"])
        more = {"out_features": 4} if op == "linear" else {}
        values.append(chain.op(f"n{index}", op, *chosen, **more))
    return chain.graph("random", (x,), values[-1], values[count // 2])


NETWORKS: dict[str, tuple[Callable[[], Graph], int]] = {
    "mnist_convnet": (lambda: load("mnist_convnet").graph, 1),
    "resnet152": (resnet152, 1),
    "resnet152, blocks": (resnet152, 2),
    "resnet152, layers": (resnet152, 4),
    "inception": (inception, 2),
    "deep": (lambda: deep(100), 2),
    "dense": (dense, 1),
    "flat": (lambda: flat(60), 1),
} | {f"random {seed}": ((lambda seed=seed: random_graph(seed)), 1) for seed in range(12)}

networks = pytest.mark.parametrize("name", NETWORKS)


def scene_of(name: str) -> Scene:
    build, depth = NETWORKS[name]
    return drawing(build(), depth).scene


def placements(placement: Placement, x: float = 0.0, y: float = 0.0) -> Iterator[tuple[Placement, float, float]]:
    """Every placement with the place of its corner."""
    yield placement, x, y
    for box, inner in placement.inner.items():
        rect = placement.boxes[box]
        yield from placements(inner, x + rect.x + (rect.width - inner.width) / 2, y + rect.y)


def overlap(a: Rect, b: Rect) -> bool:
    return a.x < b.x + b.width and b.x < a.x + a.width and a.y < b.y + b.height and b.y < a.y + a.height


@networks
def test_no_boxes_overlap_and_all_are_inside(name: str) -> None:
    for placement, _, _ in placements(layout(scene_of(name))):
        for a, b in combinations(placement.boxes.values(), 2):
            assert not overlap(a, b)
        for rect in placement.boxes.values():
            assert rect.x >= -0.01 and rect.x + rect.width <= placement.width + 0.01
            assert rect.y >= -0.01 and rect.y + rect.height <= placement.height + 0.01


@networks
def test_every_wire_goes_down_from_its_source_to_its_target(name: str) -> None:
    for placement, _, _ in placements(layout(scene_of(name))):
        for route in placement.routes:
            (x, y), (to_x, to_y) = route.points[0], route.points[-1]
            source, target = placement.boxes[route.wire.source], placement.boxes[route.wire.target]
            assert y == source.y + source.height and source.x - 0.01 <= x <= source.x + source.width + 0.01
            assert to_y == target.y and target.x - 0.01 <= to_x <= target.x + target.width + 0.01
            heights = [height for _, height in route.points]
            assert all(below >= above - 0.01 for above, below in pairwise(heights))


@networks
def test_no_wire_runs_through_a_box_on_its_way(name: str) -> None:
    for placement, _, _ in placements(layout(scene_of(name))):
        for route in placement.routes:
            ends = {route.wire.source, route.wire.target}
            others = [rect for box, rect in placement.boxes.items() if box not in ends and rect.height]
            for (x, y), (to_x, to_y) in pairwise(route.points):
                # A piece that turns stays between two ranks; one that goes down is a line.
                piece = Rect(min(x, to_x), y + 0.01, abs(to_x - x), to_y - y - 0.02)
                assert not any(overlap(piece, rect) for rect in others)


@pytest.mark.parametrize("seed", range(5))
def test_every_value_that_is_read_is_a_wire(seed: int) -> None:
    graph = random_graph(seed)
    scene = drawing(graph).scene
    assert len(scene.boxes) == len(graph.inputs) + len(graph.nodes) + len(graph.outputs)
    assert len(scene.wires) == sum(len(node.inputs) for node in graph.nodes) + len(graph.outputs)


def test_a_skip_connection_passes_and_its_spine_is_straight() -> None:
    chain, x = Chain(), image(8, name="x")
    y = chain.op("2", "relu", chain.op("1", "linear", chain.op("0", "linear", x, out_features=8), out_features=8))
    scene = drawing(chain.graph("net", (x,), chain.op("sum", "add", y, x))).scene
    placement = layout(scene)
    passing = [route for route in placement.routes if route.passes]
    assert [(route.wire.source.title, route.wire.target.title) for route in passing] == [("x", "add")]
    middles = {round(rect.x + rect.width / 2, 3) for rect in placement.boxes.values()}
    assert len(middles) == 1
    # Between its two turns the skip connection is one straight line.
    lane = {round(x, 3) for x, _ in passing[0].points[2:-2]}
    assert len(lane) == 1


def test_a_run_is_one_box_with_its_count_and_the_parameters_of_all() -> None:
    scene = drawing(deep(1000)).scene
    trunk = next(box for box in scene.boxes if box.name == "trunk")
    # norm 2*64, fc1 64*128 + 128, fc2 128*64 + 64
    assert (trunk.count, trunk.note) == (1000, f"{1000 * (128 + 8320 + 8256):,} parameters")
    assert trunk.scene is None


def test_depth_unfolds_level_by_level() -> None:
    graph = resnet152()

    def depth(scene: Scene) -> int:
        return 1 + max((depth(box.scene) for box in scene.boxes if box.scene), default=0)

    assert [depth(drawing(graph, level).scene) for level in (1, 2, 3, 4, 9)] == [1, 2, 3, 4, 4]


def test_long_chains_and_deep_pictures_are_folded_and_say_so() -> None:
    long = drawing(flat(1000))
    assert len(long.scene.boxes) < 100
    assert long.notes == ("folded: 920 layers of a chain of 1,000 are drawn as one box",)

    def different(chain: Chain, x: object) -> object:
        for index in range(70):
            x = chain.op(str(index), "linear", x, out_features=index + 1)  # type: ignore[arg-type]
        return x

    chain, x = Chain(), image(4, name="x")
    y = x
    for index in range(8):
        y = chain.region(f"part{'abcdefgh'[index]}", different, y)
    wide = drawing(chain.graph("net", (x,), y), 2)
    assert wide.notes == ("folded at depth 1: depth 2 has more than 400 boxes",)
    assert all(box.scene is None for box in wide.scene.boxes)


def test_boxes_have_names_of_their_own() -> None:
    boxes: list[Box] = list(drawing(resnet152(), 4).scene.all_boxes())
    assert len({box.id for box in boxes}) == len(boxes)


@pytest.mark.parametrize(
    ("wishes", "expected"),
    [
        ([(1.0, 1)], 1.0),
        ([(0.0, 1), (10.0, 1)], 5.0),
        ([(0.0, 3), (10.0, 1)], 0.0),
        ([(10.0, 1), (0.0, 1), (4.0, 1)], 4.0),
    ],
)
def test_the_weighted_median(wishes: list[tuple[float, int]], expected: float) -> None:
    assert median(wishes) == expected
