"""The canonical text: what it must show, and that what differs shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from netspec.ir import Graph, Init, Node, Tie
from netspec.ir.text import text
from tests.graphs import Chain, image, mlp_block


def single(**node: Any) -> str:
    chain, x = Chain(), image(4, name="x")
    y = chain.op("fc", "linear", x, out_features=4, node=node)
    return text(chain.graph("net", (x,), y)).splitlines()[1].strip()


PLAIN = "fc: float32[4] = linear(x) {out_features=4}"


@pytest.mark.parametrize(
    ("node", "mark"),
    [
        ({}, ""),
        ({"owner": "a.b"}, " [call of a.b]"),
        ({"presence": "head"}, " [training only: head]"),
        ({"frozen": True}, " [frozen]"),
        ({"ties": {"weight": Tie("embed.weight", transpose=True)}}, " [weight is embed.weight transposed]"),
        ({"init": {"bias": (Init("constant", {"val": 1}),)}}, " [bias by constant {val=1}]"),
        ({"init": {"bias": (Init("zeros"), Init("ones"))}}, " [bias by zeros and ones]"),
        ({"owner": "a", "frozen": True}, " [call of a, frozen]"),
    ],
)
def test_a_node_shows_what_is_special_about_it(node: dict[str, Any], mark: str) -> None:
    assert single(**node) == PLAIN + mark


def test_a_region_shows_its_block_and_what_it_is_a_call_of() -> None:
    chain, x = Chain(), image(64, name="x")
    y = chain.region("a", mlp_block(), x, definition="mlp", arguments={"width": 64, "dims": (1, 2)})
    y = chain.region("b", mlp_block(), y, definition="mlp", owner="a")
    lines = text(chain.graph("net", (x,), y)).splitlines()
    assert lines[1] == "  region a = mlp {width=64, dims=[1, 2]}(x) -> (a.4: float32[64])"
    assert "  region b = mlp(a.4) -> (b.4: float32[64]) [call of a]" in lines


def test_a_value_for_all_samples_is_said_to_be() -> None:
    chain, x = Chain(), image(4, name="x")
    shared = replace(x.type, batched=False)
    value = type(x)("x", shared)
    y = chain.op("fc", "relu", value)
    graph = Graph("net", (value,), tuple(chain.nodes), (y,), ("fc",))
    assert text(graph).splitlines()[0] == "graph net(x: float32[4] for all samples) -> (fc)"


def test_nodes_are_in_order_and_outputs_have_their_names() -> None:
    chain, x = Chain(), image(4, name="x")
    y = chain.op("fc", "linear", x, out_features=2)
    graph = replace(chain.graph("net", (x,), y), output_names=("logits",))
    assert text(graph).splitlines()[0] == "graph net(x: float32[4]) -> (logits = fc)"
    assert all(isinstance(node, Node) for node in graph.nodes)
