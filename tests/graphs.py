"""Graphs built by hand, for what the front end need not be asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netspec.ir import Graph, Node, Region, TensorType, Value
from netspec.ir.verify import verify
from netspec.ops.registry import lookup


class Chain:
    """A graph that grows by one node a call; each gives its (first) output."""

    def __init__(self, path: str = "") -> None:
        self.path = path
        self.nodes: list[Node | Region] = []

    def op(self, name: str, op: str, *inputs: Value, node: dict[str, Any] | None = None, **attributes: Any) -> Value:
        """A layer; `node` sets fields of its Node."""
        kind = lookup(op)
        assert kind is not None
        made, path = kind.model_validate(attributes), self._path(name)
        types = made.infer_all(*(value.type for value in inputs))
        outputs = tuple(Value(path if len(types) == 1 else f"{path}.{i}", type) for i, type in enumerate(types))
        self.nodes.append(Node(path, made, inputs, outputs, **(node or {})))
        return outputs[0]

    def region(self, name: str, fill: Callable[..., Any], *inputs: Value, **fields: Any) -> Value:
        """A region; `fill` gets its chain and the inputs inside, and gives its output (or a tuple of them)."""
        inner = Chain(self._path(name))
        inside = tuple(Value(value.name, value.type) for value in inputs)
        found = fill(inner, *inside)
        made = found if isinstance(found, tuple) else (found,)
        outputs = tuple(Value(value.name, value.type) for value in made)
        body = Graph(inner.path, inside, tuple(inner.nodes), made)
        self.nodes.append(Region(inner.path, body, inputs, outputs, **fields))
        return outputs[0]

    def graph(self, name: str, inputs: tuple[Value, ...], *outputs: Value) -> Graph:
        """The finished network."""
        graph = Graph(name, inputs, tuple(self.nodes), outputs, tuple(value.name for value in outputs))
        verify(graph)
        return graph

    def _path(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def image(*shape: int, name: str = "image") -> Value:
    return Value(name, TensorType(shape))


def bottleneck(width: int, stride: int = 1) -> Callable[[Chain, Value], Value]:
    """He et al. 2015, figure 5, with a projection where shapes differ."""

    def fill(chain: Chain, x: Value) -> Value:
        y = chain.op("conv1", "conv", x, out_channels=width, kernel_size=1, bias=False)
        y = chain.op("bn1", "batch_norm", y)
        y = chain.op("2", "relu", y)
        y = chain.op("conv2", "conv", y, out_channels=width, kernel_size=3, stride=stride, padding=1, bias=False)
        y = chain.op("bn2", "batch_norm", y)
        y = chain.op("5", "relu", y)
        y = chain.op("conv3", "conv", y, out_channels=4 * width, kernel_size=1, bias=False)
        y = chain.op("bn3", "batch_norm", y)
        shortcut = x
        if stride != 1 or x.type.shape[0] != 4 * width:
            shortcut = chain.region("downsample", projection(4 * width, stride), x)
        return chain.op("10", "relu", chain.op("9", "add", y, shortcut))

    return fill


def projection(channels: int, stride: int) -> Callable[[Chain, Value], Value]:
    def fill(chain: Chain, x: Value) -> Value:
        y = chain.op("0", "conv", x, out_channels=channels, kernel_size=1, stride=stride, bias=False)
        return chain.op("1", "batch_norm", y)

    return fill


def repeated(
    count: int, block: Callable[..., Callable[[Chain, Value], Value]], definition: str, **arguments: Any
) -> Any:
    """A named repeat: `count` uses of a block, the first with its arguments, the others with stride 1."""

    def fill(chain: Chain, x: Value) -> Value:
        for index in range(count):
            given = arguments | ({"stride": 1} if index and "stride" in arguments else {})
            x = chain.region(str(index), block(**given), x, definition=definition, arguments=given)
        return x

    return fill


def resnet152() -> Graph:
    """60,192,808 parameters in torchvision."""
    chain, x = Chain(), image(3, 224, 224)
    y = chain.op("conv1", "conv", x, out_channels=64, kernel_size=7, stride=2, padding=3, bias=False)
    y = chain.op("2", "relu", chain.op("bn1", "batch_norm", y))
    y = chain.op("3", "max_pool", y, kernel_size=3, stride=2, padding=1)
    for stage, count in enumerate((3, 8, 36, 3)):
        fill = repeated(count, bottleneck, "bottleneck", width=64 * 2**stage, stride=2 if stage else 1)
        y = chain.region(f"layer{stage + 1}", fill, y)
    y = chain.op("9", "flatten", chain.op("8", "adaptive_avg_pool", y, output_size=1))
    return chain.graph("resnet152", (x,), chain.op("fc", "linear", y, out_features=1000))


def inception() -> Graph:
    """Branches side by side, as in Szegedy et al. 2014."""

    def block(chain: Chain, x: Value) -> Value:
        a = chain.op("b1", "conv", x, out_channels=8, kernel_size=1)
        b = chain.op("b2a", "conv", x, out_channels=8, kernel_size=1)
        b = chain.op("b2b", "conv", b, out_channels=16, kernel_size=3, padding=1)
        c = chain.op("b3a", "conv", x, out_channels=4, kernel_size=1)
        c = chain.op("b3b", "conv", c, out_channels=8, kernel_size=5, padding=2)
        d = chain.op("pool", "max_pool", x, kernel_size=3, stride=1, padding=1)
        return chain.op("join", "concat", a, b, c, chain.op("b4", "conv", d, out_channels=8, kernel_size=1))

    chain, x = Chain(), image(16, 28, 28)
    y = chain.region("3a", block, x, definition="inception")
    y = chain.op("flat", "flatten", chain.region("3b", block, y, definition="inception"))
    return chain.graph("inception", (x,), chain.op("fc", "linear", y, out_features=10))


def mlp_block() -> Callable[[Chain, Value], Value]:
    def fill(chain: Chain, x: Value) -> Value:
        y = chain.op("fc1", "linear", chain.op("norm", "group_norm", x, num_groups=8), out_features=128)
        return chain.op("4", "add", x, chain.op("fc2", "linear", chain.op("2", "gelu", y), out_features=64))

    return fill


def deep(count: int = 1000) -> Graph:
    """A named repeat of equal blocks."""
    chain, x = Chain(), image(64, name="x")
    y = chain.region("trunk", repeated(count, mlp_block, "mlp_block"), chain.op("stem", "linear", x, out_features=64))
    return chain.graph("deep", (x,), chain.op("head", "linear", y, out_features=10))


def flat(count: int) -> Graph:
    """A chain without any repetition."""
    chain, x = Chain(), image(64, name="x")
    y = x
    for index in range(count):
        y = chain.op(str(index), "relu", y) if index % 2 else chain.op(str(index), "linear", y, out_features=64)
    return chain.graph("flat", (x,), y)


def dense(count: int = 6) -> Graph:
    """Every layer reads all before it, as in Huang et al. 2016."""
    chain, x = Chain(), image(8, 8, 8, name="x")
    values = [x]
    for index in range(count):
        joined = chain.op(f"cat{index}", "concat", *values) if len(values) > 1 else x
        values.append(chain.op(f"conv{index}", "conv", joined, out_channels=4, kernel_size=3, padding=1))
    return chain.graph("dense", (x,), chain.op("out", "concat", *values))
