"""Activation memory worked by hand, and against a simulation that frees values as early as it can."""

from __future__ import annotations

import pytest

from netspec.compiler.analyses import totals
from netspec.compiler.memory import bytes_of, inference_bytes, training_bytes
from netspec.ir import DType, Graph, Region, TensorType, Value
from tests.graphs import Chain, dense, image, inception, resnet152


def test_a_chain_keeps_all_in_training_and_two_neighbours_in_inference() -> None:
    chain, x = Chain(), image(10, name="x")
    y = chain.op("a", "linear", x, out_features=30)
    y = chain.op("b", "linear", y, out_features=20)
    graph = chain.graph("net", (x,), chain.op("c", "linear", y, out_features=1))
    assert training_bytes(graph) == 4 * (10 + 30 + 20 + 1)
    assert inference_bytes(graph) == 4 * (30 + 20)
    assert (training_bytes(graph, 7), inference_bytes(graph, 7)) == (7 * 244, 7 * 200)


def test_a_skip_connection_is_live_until_it_is_read() -> None:
    chain, x = Chain(), image(10, name="x")
    y = chain.op("a", "linear", x, out_features=50)
    y = chain.op("b", "linear", y, out_features=10)
    graph = chain.graph("net", (x,), chain.op("sum", "add", y, x))
    # While b runs: x, a and b.
    assert inference_bytes(graph) == 4 * (10 + 50 + 10)


def test_outputs_live_to_the_end() -> None:
    chain, x = Chain(), image(5, name="x")
    early = chain.op("early", "linear", x, out_features=100)
    y = chain.op("a", "linear", x, out_features=40)
    graph = chain.graph("net", (x,), early, chain.op("b", "linear", y, out_features=40))
    assert inference_bytes(graph) == 4 * (100 + 40 + 40)


def test_what_training_alone_has_takes_no_memory_in_inference() -> None:
    chain, x = Chain(), image(10, name="x")
    y = chain.op("a", "linear", x, out_features=10)
    y = chain.op("noise", "linear", y, out_features=10, node={"presence": "pass"})
    chain.op("aux", "linear", y, out_features=1000, node={"presence": "head"})
    graph = chain.graph("net", (x,), chain.op("b", "linear", y, out_features=10))
    assert training_bytes(graph) == 4 * (10 + 10 + 10 + 1000 + 10)
    assert totals(graph).inference_bytes == 4 * 20


def test_a_value_for_all_samples_is_there_once_and_types_have_their_sizes() -> None:
    assert bytes_of(TensorType((3, 4), DType.INT64), 5) == 3 * 4 * 8 * 5
    assert bytes_of(TensorType((3, 4), batched=False), 5) == 3 * 4 * 4


def simulate(graph: Graph) -> int:
    """The peak by counting readers forwards, on the flattened network."""
    same: dict[Value, Value] = {}
    steps: list[tuple[list[Value], list[Value]]] = []

    def flatten(part: Graph) -> None:
        for node in part.nodes:
            if isinstance(node, Region):
                same.update({a: same.get(b, b) for a, b in zip(node.body.inputs, node.inputs, strict=True)})
                flatten(node.body)
                same.update({a: same.get(b, b) for a, b in zip(node.outputs, node.body.outputs, strict=True)})
            else:
                steps.append(([same.get(value, value) for value in node.inputs], list(node.outputs)))

    flatten(graph)
    ends = {same.get(value, value) for value in graph.outputs}
    live, peak = set(graph.inputs), 0
    for index, (_, makes) in enumerate(steps):
        live |= set(makes)
        peak = max(peak, sum(4 * value.type.numel for value in live))
        later = {value for reads, _ in steps[index + 1 :] for value in reads}
        live = {value for value in live if value in later or value in ends}
    return peak


@pytest.mark.parametrize("build", [inception, dense, resnet152])
def test_networks_as_simulated(build: object) -> None:
    graph = build()  # type: ignore[operator]
    sums = totals(graph)
    assert sums.inference_bytes == simulate(graph)
    assert sums.inference_bytes < sums.activation_bytes
