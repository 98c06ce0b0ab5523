"""The recurrent networks of the lecture have the parameters of their sources, layer by layer."""

from __future__ import annotations

import pytest

import netspec
from netspec.compiler.analyses import counts, own_params
from netspec.ops.base import trainable
from tests.specs.zoo import facts

#: Network of the facts -> spec with settings, and the groups whose parameters are those of the facts' layers, in order.
SPECS = {
    "vanilla_rnn_128_128": ("vanilla_rnn biases=1", "rnn"),
    "unrolled_rnn_128_128_T10": ("vanilla_rnn biases=1", "rnn"),
    "lstm_128_128": ("lstm_from_gates", "lstm"),
    "lstm_1997_128_128": ("lstm_1997 features=128 num_blocks=128 cells=1 classes=0 gates_recur=false", "lstm"),
    "lstm_peephole_128_128": ("lstm_peephole", "lstm"),
    "lstm1997_adding_problem": ("lstm_1997", "lstm output"),
    "lstm1997_temporal_order_6a": ("lstm_1997 features=8 classes=4", "lstm output"),
    "lstm1997_temporal_order_6b": ("lstm_1997 features=8 num_blocks=3 classes=8", "lstm output"),
    "karpathy_1_one_to_one": ("rnn_one_to_one", "hidden output"),
    "karpathy_2_one_to_many": ("rnn_one_to_many", "rnn output"),
    "karpathy_3_many_to_one": ("rnn_many_to_one", "rnn output"),
    "karpathy_4_many_to_many_delayed": ("rnn_many_to_many", "encoder decoder.cell decoder.output"),
    "karpathy_5_many_to_many_synced": ("rnn_synced", "rnn output"),
}
#: With the two biases of PyTorch and cuDNN.
TWO_BIASES = {"vanilla_rnn_128_128": "vanilla_rnn", "lstm_128_128": "lstm", "gru_128_128": "gru"}


@pytest.mark.parametrize("name", SPECS)
def test_parameters_are_those_of_the_source(name: str) -> None:
    fact, (text, paths) = facts()[name], SPECS[name]
    spec, *settings = text.split()
    graph = netspec.load(spec, settings=settings).graph
    assert counts(graph).num_params == fact["total_params"]
    found = [
        sum(trainable(own_params(node)) for node in graph.walk() if f"{node.path}.".startswith(f"{path}."))
        for path in paths.split()
    ]
    assert found == [layer["params"] for layer in fact["layers"]]


@pytest.mark.parametrize("name", TWO_BIASES)
def test_pytorchs_form_has_the_second_biases(name: str) -> None:
    assert counts(netspec.load(TWO_BIASES[name]).graph).num_params == facts()[name]["torch_params"]
