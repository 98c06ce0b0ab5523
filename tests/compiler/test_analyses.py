"""Counts and receptive fields against hand-worked numbers."""

from __future__ import annotations

import pytest

from netspec.compiler import compile_source, load
from netspec.compiler.analyses import layers, totals
from netspec.compiler.receptive import receptive_fields
from netspec.compiler.shipped import shipped
from netspec.diagnostics import Source
from netspec.ir import Tie
from netspec.lang.nodes import Mapping, Sequence
from tests.graphs import Chain, image, resnet152

# From zoo_facts (Nielsen's book, the slides): name -> parameters, multiply-accumulates.
FACTS = {
    "shallow_classifier": (5, 4),
    "mlp_one_hidden": (31, 25),
    "mlp_two_hidden": (47, 38),
    "fully_connected_28x28": (615_440, 614_656),
    "mnist_convnet": (289_630, 577_000),
    "mnist_convnet_two_conv": (85_670, 1_633_000),
}


@pytest.mark.parametrize("name", FACTS)
def test_shipped_specs_have_the_counts_of_the_lecture(name: str) -> None:
    sums = totals(load(name).graph)
    assert (sums.num_params, sums.macs) == FACTS[name]


#: Deep stacks of logistic units, as their sources have them: why they are trained layer by layer.
DEEP = ("deep_autoencoder", "stacked_autoencoder", "mnist_stacked_autoencoder")


def test_every_shipped_spec_says_what_it_must_measure_up_to() -> None:
    for path in shipped().values():
        spec = load(path)
        cases = spec.document.expect
        assert cases is not None, path
        for case in cases if isinstance(cases, Sequence) else [cases]:
            assert isinstance(case, Mapping) and "params" in case, path
        assert spec.document.doc and spec.document.origin, path
        assert {each.code for each in spec.warnings} <= ({"deep-sigmoid"} if path.stem in DEEP else set()), path


def test_a_layers_row_holds_the_arithmetic_of_the_slides() -> None:
    conv, *_ = layers(load("mnist_convnet").graph)
    assert (conv.path, conv.op, conv.output.shape, conv.num_params, conv.macs) == (
        "0",
        "conv",
        (20, 24, 24),
        520,
        288_000,
    )
    assert conv.explain == "(1*5*5 + 1) * 20"


def test_activation_memory_is_every_value_of_one_sample() -> None:
    sums = totals(load("shallow_classifier").graph)
    assert sums.activation_bytes == 4 * (4 + 1 + 1)
    assert sums.param_bytes == 4 * 5


def test_resnet152_has_the_parameters_of_torchvision() -> None:
    assert totals(resnet152()).num_params == 60_192_808


def test_shared_parameters_count_once_and_those_of_training_apart() -> None:
    chain, x = Chain(), image(4, name="x")
    first = chain.op("first", "linear", x, out_features=4)
    again = chain.op("again", "linear", first, out_features=4, node={"owner": "first"})
    tied = chain.op("tied", "linear", again, out_features=4, node={"ties": {"weight": Tie("first.weight")}})
    chain.op("aux", "linear", tied, out_features=2, node={"presence": "head"})
    graph = chain.graph("net", (x,), tied)
    sums = totals(graph)
    # The tied layer has a bias of its own; the head's ten exist in training only.
    assert (sums.num_params, sums.num_params_train) == (20 + 4, 20 + 4 + 10)
    assert sums.macs == 3 * 16
    assert sums.weight_layers == 1
    assert [row.num_params for row in layers(graph)] == [20, 0, 4, 10]
    assert [row.explain for row in layers(graph)] == ["(4 + 1) * 4", None, None, "(4 + 1) * 2"]


def test_what_stands_in_a_region_of_training_is_of_training() -> None:
    chain, x = Chain(), image(4, name="x")
    y = chain.op("a", "linear", x, out_features=4)
    chain.region("aux", lambda c, v: c.op("fc", "linear", v, out_features=2), y, presence="head")
    sums = totals(chain.graph("net", (x,), y))
    assert (sums.num_params, sums.num_params_train, sums.macs) == (20, 30, 16)


def test_weights_that_are_used_equally_often_explain_the_macs() -> None:
    conv, _, _, _, linear, *_ = layers(load("mnist_convnet").graph)
    assert conv.explain_macs == "500 * 576"
    assert linear.explain_macs == "288,000 * 1"


def fields(text: str, size: int = 64) -> dict[str, tuple[int, ...]]:
    source = Source("net.yaml", f"netspec: 1\ninputs: {{x: [1, {size}, {size}]}}\nlayers:\n{text}")
    return receptive_fields(compile_source(source).graph)


def test_receptive_fields_grow_by_kernel_and_stride() -> None:
    found = fields(
        "  - conv: {out_channels: 2, kernel_size: 3}\n"
        "  - max_pool: 2\n"
        "  - conv: {out_channels: 2, kernel_size: 3, dilation: 2}\n"
        "  - relu\n"
    )
    # 3; 3 + 1*1; then a step of 2 and a window of 5: 4 + 4*2.
    assert [found[str(i)] for i in range(4)] == [(3, 3), (4, 4), (12, 12), (12, 12)]


def test_a_graph_joins_the_larger_field_and_a_linear_map_sees_all() -> None:
    found = fields(
        "  - {name: a, conv: {out_channels: 2, kernel_size: 3, padding: 1}}\n"
        "  - {name: b, conv: {out_channels: 2, kernel_size: 5, padding: 2}, from: x}\n"
        "  - {name: c, add, from: [a, b]}\n"
        "  - {name: flat, flatten}\n"
        "  - {name: fc, linear: 2}\n"
    )
    assert found["c"] == (5, 5)
    assert found["flat"] == (5, 5)
    assert found["fc"] == (64, 64)


def test_vgg_block_has_the_fields_of_the_paper() -> None:
    """Simonyan, Zisserman 2014, section 2.3: two 3x3 convolutions see 5x5, three see 7x7."""
    conv = "  - conv: {out_channels: 1, kernel_size: 3, padding: 1}\n"
    assert fields(conv * 2)["1"] == (5, 5)
    assert fields(conv * 3)["2"] == (7, 7)
