"""A network of blocks against the module that people write: keys, bits, ops, and the printed text."""

from __future__ import annotations

import ast

import pytest
import torch
from torch import nn

from benchmarks.by_hand import ResNet
from benchmarks.step import ops_of_a_step
from netspec.backends.torch import build, emit
from netspec.ir import Graph
from tests.backends.torch.graphs import resnet
from tests.backends.torch.printed import assert_harmless, run

DEPTHS, BASE, CLASSES = (2, 3, 5), 4, 7


@pytest.fixture
def graph() -> Graph:
    return resnet(DEPTHS, image=32, base=BASE, classes=CLASSES)


def test_keys_parameters_and_outputs_are_those_of_the_module_written_by_hand(graph: Graph) -> None:
    torch.manual_seed(0)
    built = build(graph)
    torch.manual_seed(0)
    by_hand = ResNet(DEPTHS, BASE, CLASSES)
    assert [*built.state_dict()] == [*by_hand.state_dict()]
    by_hand.load_state_dict(built.state_dict())
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(built(x), by_hand(x))
    assert torch.equal(built.eval()(x), by_hand.eval()(x))


def test_a_step_runs_the_ops_of_the_module_written_by_hand(graph: Graph) -> None:
    x, labels = torch.randn(2, 3, 32, 32), torch.tensor([1, 2])
    assert ops_of_a_step(build(graph), x, labels) == ops_of_a_step(ResNet(DEPTHS, BASE, CLASSES), x, labels)


def test_resnet_152_is_two_classes_and_the_network() -> None:
    source = emit(resnet((3, 8, 36, 3), image=224, classes=1000))
    assert_harmless(source)
    lines = source.splitlines()
    assert len(lines) <= 120 and max(map(len, lines)) <= 120
    classes = [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)]
    assert classes == ["BottleneckWithDownsample", "Bottleneck", "Resnet152"]
    assert "    def __init__(self, in_channels, width, stride=1):" in lines
    assert "        self.conv1 = nn.Conv2d(4 * width, width, kernel_size=1, bias=False)" in lines
    assert "            *(Bottleneck(256) for _ in range(35)),  # 1024 x 14 x 14" in lines
    assert "            BottleneckWithDownsample(256, 128, stride=2),  # 512 x 28 x 28" in lines


def test_resnet_152_has_the_keys_of_the_module_written_by_hand() -> None:
    with torch.device("meta"):
        found = run(emit(resnet((3, 8, 36, 3), image=224, classes=1000)))().state_dict()
        wanted = ResNet((3, 8, 36, 3), 64, 1000).state_dict()
    assert {key: value.shape for key, value in found.items()} == {key: value.shape for key, value in wanted.items()}
    assert sum(value.numel() for key, value in found.items() if "running" not in key and "num_b" not in key) == 60192808


def test_what_differs_in_one_instance_becomes_a_parameter_of_the_class(graph: Graph) -> None:
    """The classes' arguments are the numbers of the graph, for every convolution and every norm."""
    built = build(graph)
    for node in graph.walk():
        module = built.get_submodule(node.path) if node.op.name in ("conv", "batch_norm") else None
        if isinstance(module, nn.Conv2d):
            assert (module.out_channels, module.stride[0]) == (node.op.out_channels, node.op.stride)
        elif module is not None:
            assert module.num_features == node.inputs[0].type.shape[0]
