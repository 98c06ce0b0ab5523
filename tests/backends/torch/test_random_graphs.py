"""Random nested graphs: the classes compute, bit for bit, what the graph evaluated node by node computes."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Mapping
from typing import ClassVar

import pytest
import torch

from netspec.backends.torch import build, emit
from netspec.compiler.passes import rewrite
from netspec.compiler.passes.deployed import deployed
from netspec.ir import Graph, TensorType, Tie, Value
from netspec.ir.verify import verify
from netspec.ops.activation import Relu, Sigmoid
from netspec.ops.base import Op, Param
from netspec.ops.combine import Add, Concat
from netspec.ops.linear import Linear
from netspec.ops.lowering import TorchBuilder, TorchResult, TorchValue
from netspec.ops.norm import BatchNorm
from netspec.ops.regularize import Dropout
from netspec.ops.shape import Reshape
from tests.backends.torch.graphs import Naive, Net
from tests.backends.torch.printed import assert_harmless, run

SIZES = (2, 3, 4, 6)


class Learned(Op):
    """A learned vector, the same for every sample."""

    name: ClassVar[str] = "learned"
    size: int

    def infer(self) -> TensorType:
        return TensorType((self.size,), batched=False)

    def params(self) -> Mapping[str, Param]:
        return {"": Param((self.size,))}

    def to_torch(self, t: TorchBuilder) -> TorchResult:
        return t.parameter(t.torch.full((self.size,), 0.5), lambda own: own.unsqueeze(0))


class Doubled(Op):
    """A module that is not simply applied, and a number in `forward`."""

    name: ClassVar[str] = "doubled"
    out_features: int
    factor: int

    def infer(self, input: TensorType) -> TensorType:
        return input.with_shape(self.out_features)

    def params(self, input: TensorType) -> Mapping[str, Param]:
        return {
            "weight": Param((self.out_features, input.shape[0])),
            "bias": Param((self.out_features,)),
        }

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        module = t.nn.Linear(input.shape[0], self.out_features)
        return t.module(module, lambda own: t.choose(own.training, own(input) * self.factor, own(input)))


class Author:
    """Draws a graph: a few blocks, and a network that uses them, calls, ties and trains-only layers."""

    def __init__(self, seed: int) -> None:
        self.draw = random.Random(seed)
        self.layers: list[tuple[str, Linear, int]] = []
        self.heads: list[Value] = []
        self.blocks = {f"block{i}": self.draw.randrange(10**6) for i in range(2)}

    def graph(self) -> Graph:
        net = Net((4,))
        self.fill(net, depth=3)
        outputs = [net.last, *self.heads]
        return net.graph(*[value for value in outputs if value is not None])

    def fill(self, net: Net, depth: int) -> None:
        positional = self.draw.random() < 0.5
        for i in range(self.draw.randint(1, 5) if net.path else self.draw.randint(8, 20)):
            self.layer(net, str(i) if positional else f"{self.draw.choice('abc')}{i}", depth)

    def layer(self, net: Net, name: str, depth: int) -> None:
        kind = self.draw.choice([0, 1, 2, 0, 1, 2, 3, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10])
        assert net.last is not None
        size = net.last.type.shape[0]
        start = net.last
        if kind <= 2 and depth:
            self.region(net, name, depth)
        elif kind == 3:
            self.call(net, name)
        elif kind == 4:
            net.add(name, Dropout(p=0.5), presence=self.draw.choice(["always", "pass"]))
        elif kind == 5 and not net.path:
            self.heads.append(net.add(name, Linear(out_features=2), presence="head"))
        elif kind == 6:
            net.add(name, Add(), net.last, net.add(f"{name}p", Learned(size=size)))
        elif kind == 7:
            net.add(name, Concat(), start, net.last)
        elif kind == 8:
            net.add(name, Doubled(out_features=self.draw.choice(SIZES), factor=self.draw.randint(2, 3)))
        elif kind == 9:
            net.add(name, self.draw.choice([Relu(), BatchNorm(), Reshape(shape=(1, size))][:2]))
        else:
            self.linear(net, name, self.draw.choice(SIZES))

    def linear(self, net: Net, name: str, size: int) -> None:
        assert net.last is not None
        fan_in, op = net.last.type.shape[0], Linear(out_features=size)
        path = f"{net.path}.{name}" if net.path else name
        ties = self.tie(fan_in, size)
        net.add(name, op, ties=ties)
        if not ties:
            self.layers.append((path, op, fan_in))

    def tie(self, fan_in: int, size: int) -> dict[str, Tie]:
        if self.draw.random() < 0.5:
            return {}
        for path, op, other in self.draw.sample(self.layers, len(self.layers)):
            if (other, op.out_features) == (fan_in, size):
                return {"weight": Tie(f"{path}.weight")}
            if (op.out_features, other) == (fan_in, size):
                return {"weight": Tie(f"{path}.weight", transpose=True)}
        return {}

    def call(self, net: Net, name: str) -> None:
        assert net.last is not None
        fitting = [(path, op) for path, op, fan_in in self.layers if fan_in == net.last.type.shape[0]]
        if fitting:
            path, op = self.draw.choice(fitting)
            net.add(name, op, owner=path)

    def region(self, net: Net, name: str, depth: int) -> None:
        presence = "pass" if self.draw.random() < 0.1 else "always"
        if self.draw.random() < 0.5:
            block = self.draw.choice([*self.blocks])
            arguments = {"width": self.draw.choice(SIZES), "factor": self.draw.randint(2, 3)}
            body = self.block(self.blocks[block], **arguments)
            net.region(name, body, definition=block, arguments=arguments)
        elif presence == "always":
            net.region(name, lambda inner: self.fill(inner, depth - 1))
        else:
            net.region(name, lambda inner: [inner.add("0", Dropout(p=0.5)), inner.add("1", Relu())], presence="pass")

    def block(self, seed: int, width: int, factor: int) -> Callable[[Net], None]:
        """A block's structure follows from its seed, its numbers from its arguments."""

        def fill(net: Net) -> None:
            draw = random.Random(seed)
            start = net.last
            for i in range(draw.randint(2, 4)):
                kind = draw.choice([0, 1, 1, 2, 3, 4, 4])
                if kind == 0:
                    net.add(f"d{i}", Doubled(out_features=width, factor=factor))
                elif kind == 1:
                    net.region(f"r{i}", lambda inner: [inner.add(str(j), Linear(out_features=2 * width)) for j in "01"])
                elif kind == 2 and start is not None:
                    net.add(f"c{i}", Concat(), net.last, start)  # type: ignore[arg-type]
                elif kind == 3:
                    net.add(f"s{i}", draw.choice([Sigmoid(), BatchNorm(momentum=0.1 * factor)]))
                else:
                    net.add(f"fc{i}", Linear(out_features=width, bias=factor == 2))

        return fill


def outputs(module: Callable[..., object], x: torch.Tensor) -> list[torch.Tensor]:
    torch.manual_seed(1)
    found = module(x)
    return [value for value in (found if isinstance(found, tuple) else (found,)) if value is not None]


@pytest.mark.parametrize("seed", range(200))
def test_classes_compute_what_the_graph_says(seed: int) -> None:
    graph = Author(seed).graph()
    source = emit(graph)
    assert_harmless(source)
    assert max(map(len, source.splitlines())) <= 120
    module, naive = build(graph), Naive(graph)
    assert sorted(key for key in module.state_dict()) == sorted(naive.keys())
    naive.load(module.state_dict())
    x = torch.randn(3, 4)
    for training in (True, False):
        naive.training = training
        module.train(training)
        found, wanted = outputs(module, x), outputs(naive, x)
        assert len(found) == len(wanted) and all(map(torch.equal, found, wanted))


@pytest.mark.parametrize("seed", range(0, 200, 5))
def test_the_deployed_and_the_rewritten_network_compute_the_same(seed: int) -> None:
    graph = Author(seed).graph()
    module = build(graph).eval()
    wanted = outputs(module, x := torch.randn(3, 4))
    for other in (deployed(graph), rewrite(graph), deployed(rewrite(graph))):
        verify(other)
        smaller = run(emit(other))()
        smaller.load_state_dict({key: module.state_dict()[key] for key in smaller.state_dict()})
        assert all(map(torch.equal, outputs(smaller.eval(), x), wanted))


def test_blocks_of_equal_structure_share_a_class() -> None:
    """Over all seeds: never two classes of one block whose texts differ in numbers only."""
    for seed in range(200):
        classes = [node for node in ast.parse(emit(Author(seed).graph())).body if isinstance(node, ast.ClassDef)]
        texts = [ast.dump(_without_numbers(each)) for each in classes[:-1] if each.name.startswith("Block")]
        assert len(set(texts)) == len(texts)


def _without_numbers(tree: ast.ClassDef) -> ast.ClassDef:
    tree.name = tree.name[: len("Block0")]
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
            node.value = 0
    return tree
