"""The lecture's networks that torchvision has too: its keys, shapes, parameters and logits, heads included.

All but the smallest of the large ones are run with `-m slow`; their keys and shapes are compared without torch in
`tests/specs/test_facts.py`.
"""

from __future__ import annotations

import pytest

import netspec
from tests.oracles.compare import differences, filled, oracle, outputs, relative_error, tensors
from tests.oracles.filling import fill_module

#: Record -> spec with settings.
SPECS = {
    "alexnet": ("alexnet_torchvision", ()),
    "vgg11": ("vgg11", ()),
    "vgg11_bn": ("vgg11", ("batch_norm=true",)),
    "vgg13": ("vgg13", ()),
    "vgg16": ("vgg16", ()),
    "vgg16_bn": ("vgg16", ("batch_norm=true",)),
    "vgg19": ("vgg19", ()),
    "googlenet": ("googlenet", ()),
}
EACH = [pytest.param(name, marks=() if name == "googlenet" else pytest.mark.slow) for name in SPECS]
FLOAT32 = 1e-5


def spec(name: str) -> netspec.Spec:
    reference, settings = SPECS[name]
    return netspec.load(reference, settings=settings)


@pytest.mark.parametrize("name", EACH)
def test_keys_shapes_parameters_and_logits_are_torchvisions(name: str) -> None:
    truth = oracle(name)
    module = filled(spec(name))
    assert not differences(tensors(module), truth.tensors)
    assert sum(each.numel() for each in module.parameters()) == truth.params
    assert relative_error(outputs(module, truth.input)[0], truth.outputs["logits"]) < FLOAT32


def test_the_heads_of_googlenet_compute_what_torchvisions_do() -> None:
    truth = oracle("googlenet")
    assert truth.heads == ("aux1", "aux2")
    module = fill_module(netspec.build(spec("googlenet"), initialize=False)).eval()
    # As in the record: heads there, statistics and dropout as in evaluation.
    module.training = True
    found = dict(zip(("logits", *truth.heads), outputs(module, truth.input), strict=True))
    for name, logits in truth.outputs.items():
        assert relative_error(found[name], logits) < FLOAT32, name


def test_checkpoints_with_heads_have_a_place_for_each_tensor() -> None:
    sums = netspec.load("googlenet").graph
    assert sums.output_names == ("fc", "aux1", "aux2")
    assert oracle("googlenet").params_deployed == 6_624_904
