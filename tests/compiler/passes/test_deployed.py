"""The deployed network, and what is counted of it and of the trained one, against numbers worked by hand."""

from __future__ import annotations

from netspec.compiler.analyses import layers, totals
from netspec.compiler.passes.deployed import deployed, training_values
from netspec.ir import Tie
from netspec.ir.verify import verify
from netspec.ops.combine import Add
from netspec.ops.linear import Linear
from netspec.ops.regularize import Dropout
from tests.backends.torch.graphs import Net
from tests.backends.torch.test_presence import auxiliary, inside


def test_totals_are_of_the_deployed_network_and_of_the_trained_one() -> None:
    sums = totals(auxiliary())
    assert sums.num_params == (4 * 5 + 5) + (5 * 3 + 3)
    assert sums.num_params_train == sums.num_params + (5 * 6 + 6) + (6 * 3 + 3)
    assert sums.macs == 4 * 5 + 5 * 3


def test_a_graph_without_such_layers_is_given_back_as_it_is() -> None:
    net = Net((4,))
    net.add("fc", Linear(out_features=4))
    graph = net.graph()
    assert deployed(graph) is graph


def test_a_layer_that_reads_a_head_beside_another_value_goes_with_it() -> None:
    net = Net((4,))
    a = net.add("a", Linear(out_features=4))
    h = net.add("h", Linear(out_features=4), presence="head")
    s = net.add("s", Add(), a, h)
    small = deployed(net.graph(a, s))
    assert [node.path for node in small.walk()] == ["a"] and small.output_names == ("a",)


def test_a_head_inside_a_group_leaves_the_group_without_it() -> None:
    graph = inside()
    small = deployed(graph)
    verify(small)
    assert [node.path for node in small.walk()] == ["body.a", "body.b", "after.c"]
    assert [len(region.outputs) for region in small.regions()] == [1, 1]
    assert {value.name for value in training_values(graph)} >= {"body.out1", "after.more", "body.h"}


def test_an_output_that_is_passed_by_is_the_value_before_it_under_its_own_name() -> None:
    net = Net((4,))
    fc = net.add("fc", Linear(out_features=3))
    net.add("noise", Dropout(p=0.5), presence="pass")
    net.add("more", Dropout(p=0.5), presence="pass")
    small = deployed(net.graph())
    assert [node.path for node in small.nodes] == ["fc"]
    assert small.outputs == (fc,) and small.output_names == ("more",)


def test_what_is_used_twice_counts_once() -> None:
    net = Net((4,))
    net.add("a", Linear(out_features=4))
    net.add("again", Linear(out_features=4), owner="a")
    net.add("b", Linear(out_features=4), ties={"weight": Tie("a.weight", transpose=True)})
    graph = net.graph()
    sums = totals(graph)
    assert (sums.num_params, sums.num_params_train) == (4 * 4 + 4 + 4, 4 * 4 + 4 + 4)
    assert (sums.macs, sums.weight_layers, sums.param_bytes) == (3 * 16, 1, 24 * 4)
    assert [row.num_params for row in layers(graph)] == [20, 0, 4]
