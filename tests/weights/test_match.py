"""A file against a network: what fits is loaded, and every misfit comes out in one run, with its layer's line."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest

from netspec.compiler import load
from netspec.diagnostics import ModelError
from netspec.ir import Graph, Node, TensorType, Tie, Value
from netspec.ops.linear import Linear
from netspec.weights.match import match
from netspec.weights.stored import Array, from_arrays
from tests.weights.nets import SHAPES, graph, mapping, tensors


def matched(arrays: dict[str, Array], text: str = "a.npz", net: Graph | None = None) -> dict[str, Array]:
    return match(net or graph(), from_arrays(arrays), mapping(text), file="a.npz")


def mistakes(arrays: dict[str, Array], text: str = "a.npz", net: Graph | None = None) -> list[tuple[int | None, str]]:
    with pytest.raises(ModelError) as caught:
        matched(arrays, text, net)
    found = caught.value.diagnostics
    assert {each.code for each in found} == {"weights"} and {each.place for each in found} == {"a.npz"}
    return [(each.span.line if each.span else None, each.message) for each in found]


def test_all_tensors_by_their_keys() -> None:
    found = matched(tensors())
    assert found.keys() == tensors().keys()
    assert all(np.array_equal(found[key], array) for key, array in tensors().items())


def test_every_misfit_is_listed_at_its_layer() -> None:
    arrays = tensors()
    del arrays["conv.weight"]
    arrays["conv.bias"] = np.zeros(3, np.float32)
    arrays["bn.weight"] = np.zeros(2, np.float64)
    arrays["bn.running_var"] = np.array([1, np.inf], np.float32)
    arrays["head.fc.bias"] = np.zeros(3, np.int64)
    arrays["head.fc.scale"] = np.zeros(3, np.float32)
    assert mistakes(arrays) == [
        (5, "`conv.weight` [2, 1, 3, 3] is missing in a.npz"),
        (5, "`conv.bias` is [3] in a.npz, the network needs [2]"),
        (6, "`bn.weight` holds float64 in a.npz, the network float32"),
        (6, "`bn.running_var` holds numbers that are not finite in a.npz"),
        (10, "`head.fc.bias` holds int64 in a.npz, the network float32"),
        (None, "`head.fc.scale` [3] in a.npz is left over: the network has no `head.fc.scale`"),
    ]


def test_misspelt_keys_are_paired_and_types_have_a_remedy() -> None:
    arrays = tensors()
    arrays["conv.wieght"] = arrays.pop("conv.weight")
    arrays["bn.bias"] = arrays["bn.bias"].astype(np.float16)
    with pytest.raises(ModelError) as caught:
        matched(arrays)
    helps = [each.help for each in caught.value.diagnostics]
    assert helps[:2] == ["did you mean `conv.wieght`?", "netspec convert a.npz OUT.safetensors --dtype float32"]


def test_counters_may_be_absent() -> None:
    arrays = tensors()
    del arrays["bn.num_batches_tracked"]
    found = matched(arrays)["bn.num_batches_tracked"]
    assert (found.shape, found.dtype, int(found)) == ((), np.int64, 0)


def test_rename_transpose_and_skip() -> None:
    arrays = {f"net/{key}": array for key, array in tensors().items() if not key.startswith("head")}
    arrays |= {"W": tensors()["head.fc.weight"].T.copy(), "optimizer.step": np.zeros(1)}
    text = """\
file: a.npz
rename: {net/conv: conv, net/bn: bn, W: head.fc.weight}
transpose: head.fc
skip: [head.fc.bias, optimizer]
"""
    found = matched(arrays, text)
    assert found.keys() == tensors().keys() - {"head.fc.bias"}
    assert all(np.array_equal(array, tensors()[key]) for key, array in found.items())


@pytest.mark.parametrize("skip", ["head", '"h*.fc"', "{op: linear}", "[head.fc.weight, {parameter: bias}]"])
def test_what_is_skipped_may_be_there_or_not(skip: str) -> None:
    text = f"{{file: a.npz, skip: {skip}}}"
    skipped = {"head.fc.weight", "head.fc.bias"} | ({"conv.bias", "bn.bias"} if "parameter" in skip else set())
    odd = {**tensors(), "head.fc.weight": np.zeros((7, 7))}
    for arrays in (tensors(), odd, {key: array for key, array in tensors().items() if key not in skipped}):
        assert matched(arrays, text).keys() == tensors().keys() - skipped


def test_only_a_part() -> None:
    arrays = {"weight": tensors()["head.fc.weight"], "bias": tensors()["head.fc.bias"]}
    found = matched(arrays, "{file: a.npz, of: head.fc}")
    assert found.keys() == {"head.fc.weight", "head.fc.bias"}
    assert mistakes({"fc.bias": arrays["bias"]}, "{file: a.npz, of: head}") == [
        (10, "`head.fc.weight` [3, 8] is missing in a.npz")
    ]
    assert mistakes(arrays, "{file: a.npz, of: haed}")[0] == (1, "nothing with weights is at `haed` in the network")


def test_what_applies_to_nothing() -> None:
    text = "{file: a.npz, rename: {cnov: conv}, skip: [{op: linaer}, tail], transpose: {parameter: weigth}}"
    with pytest.raises(ModelError) as caught:
        matched(tensors(), text)
    assert [(each.message, each.help) for each in caught.value.diagnostics] == [
        ("the prefix `cnov` applies to no name in a.npz", "did you mean `conv`?"),
        ("`{op: linaer}` selects no parameter of the network", "did you mean `linear`?"),
        ("`tail` selects no parameter of the network", "known: bn, conv, head, head.fc"),
        ("`{parameter: weigth}` selects no parameter of the network", "did you mean `weight`?"),
    ]


def test_two_names_for_one() -> None:
    arrays = {**tensors(), "c.bias": np.zeros(2, np.float32)}
    said = "`c.bias` and `conv.bias` in a.npz both become `conv.bias`"
    assert said in [message for _, message in mistakes(arrays, "{file: a.npz, rename: {c: conv}}")]


def test_four_axes_are_not_transposed() -> None:
    text = "{file: a.npz, transpose: conv}"
    assert mistakes(tensors(), text) == [(5, "`conv.weight` has 4 axes; `transpose` exchanges two")]


def shared(transpose: bool) -> Graph:
    """A linear layer 3 -> 4, called again, and one tied to it."""
    x = Value("x", TensorType((3,)))
    first = Node("one", Linear(out_features=4), (x,), (Value("one", TensorType((4,))),))
    again = Node("two", Linear(out_features=4), (x,), (Value("two", TensorType((4,))),), owner="one")
    source = first.outputs[0] if transpose else x
    tie = {"weight": Tie("one.weight", transpose)}
    tied = Node("three", Linear(out_features=3 if transpose else 4, bias=False), (source,), (), ties=tie)
    out = Value("three", TensorType((3 if transpose else 4,)))
    return Graph("net", (x,), (first, again, replace(tied, outputs=(out,))), (out,), ("three",))


@pytest.mark.parametrize("transpose", [False, True])
def test_shared_parameters_count_once_and_copies_must_be_equal(transpose: bool) -> None:
    weight, bias = np.arange(12, dtype=np.float32).reshape(4, 3), np.ones(4, np.float32)
    own = weight.T.copy() if transpose else weight
    plain = {"one.weight": weight, "one.bias": bias}
    copies = {"two.weight": weight, "two.bias": bias, "three.weight": own}
    for arrays in (plain, plain | copies, {"three.weight": own, "one.bias": bias}):
        found = matched(arrays, net=shared(transpose))
        assert found.keys() == plain.keys() and np.array_equal(found["one.weight"], weight)
    different = plain | {"three.weight": own + 1}
    said = "`three.weight` and `one.weight` are one parameter, but they differ in a.npz"
    assert mistakes(different, net=shared(transpose)) == [(None, said)]


def test_the_network_here_is_what_the_tests_say() -> None:
    assert {key: array.shape for key, array in tensors().items()} == {**SHAPES, "bn.num_batches_tracked": ()}


def test_another_networks_file_is_refused_soon() -> None:
    """Ten thousand names, a few hundred missing: each missing one is compared with few."""
    net = load("resnet").graph
    arrays = {f"layer{i}.conv.weight": np.zeros((64,), np.float32) for i in range(10_000)}
    start = time.perf_counter()
    with pytest.raises(ModelError) as caught:
        match(net, from_arrays(arrays), file="w")
    assert time.perf_counter() - start < 5
    assert len(caught.value.diagnostics) == 1000
