"""The ResNet family, one file with arguments, against torchvision's five networks."""

from __future__ import annotations

import ast

import pytest
import torch

import netspec
from netspec.backends.torch import emit
from netspec.compiler.shipped import shipped
from tests.oracles.compare import differences, filled, oracle, outputs, relative_error, tensors

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


@pytest.mark.parametrize("depth", [18, 50])
def test_the_printed_file_has_the_same_keys_and_computes_the_same(depth):
    graph = member(depth).graph
    namespace: dict[str, object] = {}
    exec(emit(graph), namespace)
    printed = namespace["Resnet"]()
    module = filled(member(depth))
    assert tensors(printed) == tensors(module)
    printed.load_state_dict(module.state_dict())
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(printed.eval()(x), module(x))


def test_the_family_is_shipped():
    assert "resnet" in shipped()
