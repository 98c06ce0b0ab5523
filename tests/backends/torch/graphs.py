"""Graphs made by hand, regions and all, and what they compute by the simplest means."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from netspec.backends.torch.expressions import Builder, ModuleCall, Operand, Owned
from netspec.ir import Graph, Node, Region, TensorType, Value
from netspec.ir.verify import verify
from netspec.ops.activation import Relu
from netspec.ops.base import Op
from netspec.ops.combine import Add
from netspec.ops.conv import Conv
from netspec.ops.linear import Linear
from netspec.ops.norm import BatchNorm
from netspec.ops.pool import MaxPool
from netspec.ops.pool_adaptive import AdaptiveAvgPool
from netspec.ops.shape import Flatten


class Net:
    """Adds nodes and regions one by one; each reads the value before it unless told otherwise."""

    def __init__(self, *inputs: Value | tuple[int, ...], path: str = "", names: tuple[str, ...] = ()) -> None:
        named = names or ("image", *(f"input{i}" for i in range(1, len(inputs))))
        self.inputs = tuple(
            Value(name, each.type if isinstance(each, Value) else TensorType(each))
            for name, each in zip(named, inputs, strict=False)
        )
        self.path = path
        self.nodes: list[Node | Region] = []
        self.last = self.inputs[0] if self.inputs else None

    def add(self, name: str, op: Op, *inputs: Value, **options: Any) -> Value:
        """A node; its (first) output."""
        reads = inputs or ((self.last,) if self.last is not None and op.ports() else ())
        path = self._below(name)
        types = op.infer_all(*(each.type for each in reads))
        outputs = tuple(Value(path if len(types) == 1 else f"{path}.{i}", type) for i, type in enumerate(types))
        self.nodes.append(Node(path, op, reads, outputs, **options))
        if options.get("presence") != "head":
            self.last = outputs[0]
        return outputs[0]

    def region(self, name: str, fill: Callable[[Net], Any], *inputs: Value, **options: Any) -> Value:
        """A region whose body `fill` adds; its outputs are what `fill` gives, or the last value. Its first output."""
        assert self.last is not None
        reads = inputs or (self.last,)
        inner = Net(*reads, path=self._below(name), names=options.pop("ports", tuple(f"{v.name}" for v in reads)))
        given = fill(inner)
        inside = given if isinstance(given, tuple) else (inner.last,)
        assert all(isinstance(value, Value) for value in inside)
        path = self._below(name)
        outputs = tuple(Value(path if not i else f"{path}.out{i}", value.type) for i, value in enumerate(inside))
        body = Graph(path, inner.inputs, tuple(inner.nodes), inside)
        self.nodes.append(Region(path, body, reads, outputs, **options))
        if options.get("presence") != "head":
            self.last = outputs[0]
        return outputs[0]

    def outputs(self) -> tuple[Value, ...]:
        """All outputs of the last node."""
        return self.nodes[-1].outputs

    def graph(self, *outputs: Value, name: str = "net") -> Graph:
        """The graph, verified."""
        found = outputs or (self.last,)
        assert all(isinstance(value, Value) for value in found)
        graph = Graph(name, self.inputs, tuple(self.nodes), found, tuple(value.name for value in found))
        verify(graph)
        return graph

    def _below(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def bottleneck(width: int, stride: int, project: bool) -> Callable[[Net], None]:
    """The block of He et al. 2015 (with the stride in the 3x3 convolution, as in torchvision)."""

    def fill(net: Net) -> None:
        start = net.inputs[0]
        net.add("conv1", Conv(out_channels=width, kernel_size=1, bias=False))
        net.add("bn1", BatchNorm())
        net.add("2", Relu())
        net.add("conv2", Conv(out_channels=width, kernel_size=3, stride=stride, padding=1, bias=False))
        net.add("bn2", BatchNorm())
        net.add("5", Relu())
        net.add("conv3", Conv(out_channels=4 * width, kernel_size=1, bias=False))
        main = net.add("bn3", BatchNorm())
        other = start
        if project:

            def shortcut(inner: Net) -> None:
                inner.add("0", Conv(out_channels=4 * width, kernel_size=1, stride=stride, bias=False))
                inner.add("1", BatchNorm())

            other = net.region("downsample", shortcut, start)
        net.add("9", Add(), main, other)
        net.add("10", Relu())

    return fill


def resnet(depths: tuple[int, ...], *, image: int = 64, classes: int = 10, base: int = 64) -> Graph:
    """ResNet of bottleneck blocks, with torchvision's names."""
    net = Net((3, image, image))
    net.add("conv1", Conv(out_channels=base, kernel_size=7, stride=2, padding=3, bias=False))
    net.add("bn1", BatchNorm())
    net.add("relu", Relu())
    net.add("maxpool", MaxPool(kernel_size=3, stride=2, padding=1))
    for stage, depth in enumerate(depths):

        def blocks(inner: Net, depth: int = depth, stage: int = stage) -> None:
            width = base * 2**stage
            for i in range(depth):
                stride = 2 if stage and not i else 1
                arguments = {"width": width, "stride": stride, "project": not i}
                fill = bottleneck(width, stride, not i)
                inner.region(str(i), fill, definition="bottleneck", arguments=arguments)

        net.region(f"layer{stage + 1}", blocks)
    net.add("avgpool", AdaptiveAvgPool(output_size=1))
    net.add("flatten", Flatten())
    net.add("fc", Linear(out_features=classes))
    return net.graph(name=f"resnet{sum(depths) * 3 + 2}")


class Naive:
    """A graph evaluated node by node, each with the module or the expression of its op; knows no classes.

    Calls, ties, presence and freezing are as the graph's docstrings say.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.own: dict[str, Any] = {}
        self.training = True
        for node in graph.walk():
            if node.owner is None:
                lowered = self._lower(node, ["x"] * len(node.inputs))
                if isinstance(lowered, ModuleCall):
                    self.own[node.path] = evaluate(lowered.tree)
                elif isinstance(lowered, Owned):
                    self.own[node.path] = evaluate(lowered.initial.tree)

    def keys(self) -> list[str]:
        """The state-dict keys: a layer's path and its tensors' names, tied ones included unless transposed."""
        found = []
        for node in self.graph.walk():
            if node.owner is None:
                assert isinstance(node.op, Op)
                names = node.op.params(*(value.type for value in node.inputs))
                kept = [name for name in names if not (name in node.ties and node.ties[name].transpose)]
                found += [f"{node.path}.{name}" if name else node.path for name in kept]
        return found

    def load(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take parameters by the nodes' keys."""
        for node in self.graph.walk():
            own = self.own.get(node.path)
            if isinstance(own, nn.Module):
                for name in own.state_dict():
                    if name != "num_batches_tracked":
                        tie = node.ties.get(name)
                        value = state[node.key(name)]
                        if tie and tie.transpose:
                            setattr(own, name, nn.Parameter(value.T))  # its strides too: sums run in another order
                        else:
                            own.state_dict()[name].copy_(value)
            elif own is not None and node.path in state:
                self.own[node.path] = state[node.key("")]

    def __call__(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """All outputs, those of heads as None in evaluation."""
        for own in self.own.values():
            if isinstance(own, nn.Module):
                own.train(self.training)
        known: dict[Value, Any] = dict(zip(self.graph.inputs, inputs, strict=True))
        self._run(self.graph, known)
        return tuple(known[value] for value in self.graph.outputs)

    def _run(self, graph: Graph, known: dict[Value, Any]) -> None:
        for node in graph.nodes:
            given = [known[value] for value in node.inputs]
            gone = given[0] is None if node.presence == "pass" else any(each is None for each in given)
            if not self.training and (node.presence == "head" or (gone and isinstance(node, Node))):
                known.update((value, None) for value in node.outputs)
            elif not self.training and node.presence == "pass":
                known[node.outputs[0]] = given[0]
            elif isinstance(node, Region):
                known.update(zip(node.body.inputs, given, strict=True))
                self._run(node.body, known)
                results = [known[value] for value in node.body.outputs]
                known.update(zip(node.outputs, results, strict=True))
            else:
                found = self._apply(node, given)
                known.update(zip(node.outputs, found if len(node.outputs) > 1 else (found,), strict=True))

    def _apply(self, node: Node, given: list[Any]) -> Any:
        names = {f"x{i}": value for i, value in enumerate(given)}
        lowered = self._lower(node, list(names))
        own = self.own.get(node.owner or node.path)
        if isinstance(lowered, ModuleCall):
            return own(*given)
        if isinstance(lowered, Owned):
            from netspec.backends.torch.expressions import Expression

            lowered = lowered.use(Expression(ast.Name("own")))
        if isinstance(lowered, tuple):
            return tuple(evaluate(each.tree, own=own, **names) for each in lowered)
        return evaluate(lowered.tree, own=own, **names)

    def _lower(self, node: Node, names: list[str]) -> Any:
        assert isinstance(node.op, Op)
        operands = [Operand(ast.Name(name), value.type) for name, value in zip(names, node.inputs, strict=True)]
        return node.op.to_torch(Builder(), *operands)


def evaluate(tree: ast.expr, **names: Any) -> Any:
    """What an expression is."""
    return eval(ast.unparse(tree), {"torch": torch, "nn": nn, "F": functional, **names})
