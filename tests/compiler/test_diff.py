"""Two networks compared: pairs of layers, weights that fit, and wiring."""

from __future__ import annotations

from netspec.compiler import compile_source
from netspec.compiler.diff import Diff, diff
from netspec.diagnostics import Source
from tests.graphs import Chain, image, inception, resnet152

NET = """\
  - {name: conv1, conv: {out_channels: 4, kernel_size: 3}}
  - {name: act, relu}
  - {name: flat, flatten}
  - {name: fc, linear: 10}
"""


def compare(before: str, after: str, *, size: int = 8) -> Diff:
    head = f"netspec: 1\nname: net\ninputs: {{x: [1, {size}, {size}]}}\nlayers:\n"
    graphs = [compile_source(Source("net.yaml", head + text)).graph for text in (before, after)]
    return diff(*graphs)


def states(found: Diff) -> list[tuple[str, str]]:
    return [(row.status, row.path) for row in found.layers]


def test_a_network_is_the_same_as_itself() -> None:
    found = diff(resnet152(), resnet152())
    assert found.is_same
    assert {row.status for row in found.layers} == {"same"}
    # Beside the parameters the statistics of 155 norms: two vectors and a counter each.
    channels = 64 + 3 * 384 + 256 + 8 * 768 + 512 + 36 * 1536 + 1024 + 3 * 3072 + 2048
    assert found.weights.num_transferable == 60_192_808 + 2 * channels + 155
    assert not found.weights.only_before and not found.weights.other_shape


def test_another_attribute_changes_the_layer_and_the_shapes_below() -> None:
    found = compare(NET, NET.replace("kernel_size: 3", "kernel_size: 5"))
    rows = {row.path: row for row in found.layers}
    assert rows["conv1"].changes == {"kernel_size": (3, 5), "output": ("[4, 6, 6]", "[4, 4, 4]")}
    assert rows["fc"].changes == {"inputs": ("[144]", "[64]")}
    assert found.weights.other_shape == {
        "conv1.weight": ((4, 1, 3, 3), (4, 1, 5, 5)),
        "fc.weight": ((10, 144), (10, 64)),
    }
    assert found.weights.transferable == ("conv1.bias", "fc.bias")
    assert found.weights.num_transferable == 4 + 10


def test_a_renamed_layer_is_found_by_its_place_and_its_weights_are_of_both_sides() -> None:
    found = compare(NET, NET.replace("conv1", "stem"))
    assert states(found) == [
        ("renamed", "conv1 -> stem"), ("same", "act"), ("same", "flat"), ("same", "fc"),
    ]  # fmt: skip
    assert found.weights.only_before == ("conv1.weight", "conv1.bias")
    assert found.weights.only_after == ("stem.weight", "stem.bias")
    assert not found.is_same


def test_layers_that_are_new_and_gone_stand_where_they_are() -> None:
    found = compare(NET, NET.replace("act, relu", "norm, batch_norm"))
    assert states(found) == [
        ("same", "conv1"),
        ("added", "norm"),
        ("removed", "act"),
        ("changed", "flat"),
        ("same", "fc"),
    ]
    assert found.layers[3].changes == {"reads": ("act", "norm")}
    assert found.after.num_params - found.before.num_params == 8


def test_other_wiring_between_equal_layers_is_a_change() -> None:
    two = "  - {name: a, linear: 8}\n  - {name: b, linear: 8}\n  - {name: sum, add, from: [b, FROM]}\n"
    found = compare(two.replace("FROM", "a"), two.replace("FROM", "x"))
    assert [(row.path, row.changes) for row in found.layers if row.status != "same"] == [
        ("sum", {"reads": ("b, a", "b, x")})
    ]


def test_wiring_is_seen_through_the_borders_of_groups() -> None:
    group = (
        "  - {name: a, linear: 8}\n  - {name: g, sequence: [{name: b, linear: 8}, {name: s, add, from: [b, WHAT]}]}\n"
    )
    assert compare(group.replace("WHAT", "a"), group.replace("WHAT", "input")).is_same
    assert not compare(group.replace("WHAT", "a"), group.replace("WHAT", "x")).is_same


def test_inputs_and_outputs_are_compared_by_name() -> None:
    found = diff(inception(), resnet152())
    assert found.ends == {"input image": ("[16, 28, 28]", "[3, 224, 224]"), "output fc": ("[10]", "[1000]")}


def test_calls_and_ties_have_no_keys_of_their_own() -> None:
    chain, x = Chain(), image(4, name="x")
    y = chain.op("a", "linear", x, out_features=4)
    y = chain.op("b", "linear", y, out_features=4, node={"owner": "a"})
    shared = chain.graph("net", (x,), y)
    chain = Chain()
    y = chain.op("b", "linear", chain.op("a", "linear", x, out_features=4), out_features=4)
    found = diff(shared, chain.graph("net", (x,), y))
    assert found.weights.only_after == ("b.weight", "b.bias")
    assert found.weights.transferable == ("a.weight", "a.bias")
    assert found.layers[1].changes == {"owner": ("a", None)}


def test_learned_states_of_a_scan_are_layers_too() -> None:
    text = """netspec: 1
inputs: {x: [T, 8]}
blocks:
  cell:
    inputs: [x, h]
    layers: [{concat, from: [x, h]}, {name: n, linear: 4}]
    outputs: {h: n}
layers: [{name: s, scan: {cell: cell, state: {h: {shape: 4, learned: true}}}}]
"""
    found = compile_source(Source("net.yaml", text)).graph
    assert {row.status for row in diff(found, found).layers} == {"same"}
    assert "s.h" in [row.after.path for row in diff(found, found).layers if row.after is not None]
