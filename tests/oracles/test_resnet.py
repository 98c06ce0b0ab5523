"""The ResNet family, one file with arguments, against torchvision's five networks."""

from __future__ import annotations

import ast

import pytest
import torch

import netspec
from benchmarks.by_hand import ResNet
from benchmarks.step import ops_of_a_step
from netspec.backends.torch import emit
from netspec.compiler.shipped import shipped
from tests.oracles.compare import differences, filled, oracle, outputs, relative_error, tensors
from tests.oracles.filling import fill_module

DEPTHS = [18, 34, 50, 101, 152]
LONG = [pytest.param(depth, marks=pytest.mark.slow) if depth > 50 else depth for depth in DEPTHS]


def member(depth: int):
    return netspec.load("resnet", settings=[f"depth={depth}"])


@pytest.mark.parametrize("depth", LONG)
def test_keys_shapes_parameters_and_logits_are_torchvisions(depth):
    truth = oracle(f"resnet{depth}")
    module = filled(member(depth))
    assert not differences(tensors(module), truth.tensors)
    assert sum(each.numel() for each in module.parameters()) == truth.params
    assert relative_error(outputs(module, truth.input)[0], truth.outputs["logits"]) < 1e-5


@pytest.mark.parametrize(("depth", "blocks"), [(34, 2), (50, 2), (152, 2)])
def test_the_printed_file_is_what_a_person_would_write(depth, blocks):
    source = emit(member(depth).graph)
    lines = source.splitlines()
    classes = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    kind = "Bottleneck" if depth >= 50 else "Basic"
    assert len(lines) <= 120 and max(map(len, lines)) <= 120
    assert sum(name.startswith(kind) for name in classes) <= blocks


@pytest.mark.parametrize("depth", [18, 50, pytest.param(152, marks=pytest.mark.slow)])
def test_the_printed_file_has_the_same_keys_and_computes_the_same(depth):
    printed, module = written_out(depth), filled(member(depth))
    assert tensors(printed) == tensors(module)
    printed.load_state_dict(module.state_dict())
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(printed.eval()(x), module(x))


@pytest.mark.parametrize("depth", [18, pytest.param(152, marks=pytest.mark.slow)])
def test_the_printed_file_passes_the_tests_of_the_built_module(depth):
    truth = oracle(f"resnet{depth}")
    printed = fill_module(written_out(depth)).eval()
    assert not differences(tensors(printed), truth.tensors)
    assert sum(each.numel() for each in printed.parameters()) == truth.params
    assert relative_error(outputs(printed, truth.input)[0], truth.outputs["logits"]) < 1e-5


def written_out(depth):
    """The network of the printed file alone."""
    namespace: dict[str, object] = {}
    exec(emit(member(depth).graph), namespace)
    return namespace["Resnet"]()


@pytest.mark.slow
def test_a_training_step_of_152_runs_the_ops_of_the_network_written_by_hand():
    x, labels = torch.randn(2, 3, 64, 64), torch.tensor([1, 2])
    ours = ops_of_a_step(netspec.build(member(152)), x, labels)
    assert ours == ops_of_a_step(ResNet((3, 8, 36, 3), 64, 1000), x, labels)


def test_the_family_is_shipped():
    assert "resnet" in shipped()
