"""What counts as a repetition, and what does not."""

from __future__ import annotations

from netspec.compiler.fold import Folder, Run
from netspec.compiler.outline import outline
from netspec.ir import Graph, Region, Value
from tests.graphs import Chain, deep, dense, flat, image, inception, resnet152


def folded(graph: Graph) -> list[str]:
    entries = Folder().entries(graph)
    return [f"{entry.path} x {entry.count}" if isinstance(entry, Run) else entry.path for entry in entries]


def region(graph: Graph, path: str) -> Region:
    return next(each for each in graph.regions() if each.path == path)


def test_equal_blocks_fold_and_the_first_that_differs_stays() -> None:
    graph = resnet152()
    assert folded(region(graph, "layer3").body) == ["layer3.0", "layer3.1-35 x 35"]
    assert folded(region(graph, "layer1").body) == ["layer1.0", "layer1.1-2 x 2"]


def test_a_repeat_of_nothing_but_equal_blocks_is_whole() -> None:
    folder = Folder()
    run = folder.whole(region(deep(7), "trunk"))
    assert run is not None and run.count == 7
    assert folder.whole(region(resnet152(), "layer3")) is None


def test_neither_different_shapes_nor_branches_nor_alternation_fold() -> None:
    for graph in (dense(), flat(20), region(inception(), "3a").body):
        assert folded(graph) == [node.path for node in graph.nodes]
    # The two blocks are not equal: the second reads more channels.
    assert folded(inception()) == ["3a", "3b", "flat", "fc"]


def chain_of(names: list[str], **node: object) -> tuple[Chain, Value, list[Value]]:
    chain, x = Chain(), image(4, name="x")
    values = [x]
    for name in names:
        values.append(chain.op(name, "linear", values[-1], out_features=4, node=dict(node)))
    return chain, x, values


def test_ops_fold_from_three_on_and_names_must_count_on() -> None:
    for names, expected in (
        (["0", "1"], ["0", "1"]),
        (["0", "1", "2"], ["0-2 x 3"]),
        (["fc1", "fc2", "fc3"], ["fc1-3 x 3"]),
        (["a", "b", "c"], ["a", "b", "c"]),
        (["0", "1", "3", "4"], ["0", "1", "3", "4"]),
        (["a1", "a2", "b3", "b4"], ["a1", "a2", "b3", "b4"]),
    ):
        chain, x, values = chain_of(names)
        assert folded(chain.graph("net", (x,), values[-1])) == expected


def test_who_is_read_from_elsewhere_ends_a_run() -> None:
    chain, x, values = chain_of(["0", "1", "2", "3", "4", "5"])
    tap = chain.op("tap", "add", values[3], values[6])
    assert folded(chain.graph("net", (x,), tap)) == ["0-2 x 3", "3-5 x 3", "tap"]


def test_an_output_of_the_network_ends_a_run() -> None:
    chain, x, values = chain_of(["0", "1", "2", "3"])
    assert folded(chain.graph("net", (x,), values[2], values[4])) == ["0", "1", "2", "3"]


def test_what_is_frozen_or_shared_is_not_equal_to_what_is_not() -> None:
    chain, x, values = chain_of(["0", "1", "2"])
    y = chain.op("3", "linear", values[-1], out_features=4, node={"frozen": True})
    y = chain.op("4", "linear", y, out_features=4, node={"owner": "0"})
    assert folded(chain.graph("net", (x,), y)) == ["0-2 x 3", "3", "4"]


def test_a_value_that_all_of_a_run_read_beside_does_not_end_it() -> None:
    def gated(chain: Chain, x: Value, gate: Value) -> Value:
        return chain.op("0", "mul", chain.op("fc", "linear", x, out_features=4), gate)

    chain, x, gate = Chain(), image(4, name="x"), image(4, name="gate")
    y = x
    for index in range(4):
        y = chain.region(str(index), gated, y, gate, definition="gated")
    assert folded(chain.graph("net", (x, gate), y)) == ["0-3 x 4"]
    swapped = Chain()
    a = swapped.region("0", gated, x, gate)
    b = swapped.region("1", gated, a, gate)
    c = swapped.region("2", gated, gate, b)
    assert folded(swapped.graph("net", (x, gate), c)) == ["0-1 x 2", "2"]


def test_x_times_x_is_not_x_times_y() -> None:
    def one(chain: Chain, x: Value, y: Value) -> Value:
        return chain.op("0", "mul", x, x)

    def two(chain: Chain, x: Value, y: Value) -> Value:
        return chain.op("0", "mul", x, y)

    chain, x = Chain(), image(4, name="x")
    chain.region("0", one, x, x)
    chain.region("1", two, x, x)
    folder = Folder()
    assert folder.kind(chain.nodes[0]) != folder.kind(chain.nodes[1])


def test_the_outline_says_a_run_once_with_the_sum_of_all() -> None:
    lines = {line.path: line for line in outline(resnet152())}
    run = lines["layer3.1-35"]
    assert (run.level, run.count, run.what) == (2, 35, "35 x bottleneck")
    # One of them has 1,117,184: three convolutions of 262,144 + 589,824 + 262,144 and norms of 512 + 512 + 2,048.
    assert run.num_params == 35 * 1_117_184
    assert "layer3.1.conv1" in lines and "layer3.2.conv1" not in lines
    assert lines["layer3"].what == "36 x bottleneck"
    whole = {line.path: line for line in outline(deep(1000))}
    assert (whole["trunk"].count, whole["trunk"].what) == (1000, "1,000 x mlp_block")


def test_the_outline_of_depth_one_has_the_networks_own_chain_and_all_parameters() -> None:
    graph = resnet152()
    lines = outline(graph, 1)
    assert [line.path for line in lines] == [node.path for node in graph.nodes]
    assert sum(line.num_params for line in lines) == 60_192_808
    assert {line.level for line in outline(graph, 2)} == {1, 2}
