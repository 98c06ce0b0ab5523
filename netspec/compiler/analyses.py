"""What is known of a network before it runs: parameters, MACs, memory, receptive fields."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from netspec.compiler.passes.deployed import deployed, runs_in_training_only, training_values
from netspec.ir import Graph, Node, Presence, Region, Scan, Size, Sizes, TensorType, Value, total
from netspec.ops.base import Op, Param, trainable


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Layer:
    """One row of the summary. Counts are of one sample, formulas where sizes are free.

    `receptive_field` is in positions of the network's input.

    `num_params` counts what is the layer's own: parameters of another layer (`owner`, a tie) count there.
    """

    path: str
    op: str
    attributes: dict[str, object]
    inputs: tuple[TensorType, ...]
    output: TensorType
    num_params: int
    macs: Size
    explain: str | None
    explain_size: str | None
    explain_macs: str | None
    receptive_field: Sizes | None
    line: int | None
    presence: Presence = "always"
    owner: str | None = None
    frozen: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Counts:
    """Sums over a network that is deployed; `num_params_train` counts what exists while training only, too."""

    num_params: int
    num_params_train: int
    macs: Size
    weight_layers: int
    param_bytes: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Totals:
    """Sums over a network. `weight_layers` have trained parameters of two axes or more, as papers count layers.

    `num_params_train` and `activation_bytes` are of the network that is trained, the others of the one that is
    deployed. What is used twice (a call, a tied parameter) is counted once; a call's multiply-accumulates are not.
    """

    num_params: int
    num_params_train: int
    macs: Size
    weight_layers: int
    activation_bytes: Size
    inference_bytes: Size | None
    param_bytes: int


def layers(graph: Graph) -> list[Layer]:
    """A row for every op node, in order."""
    from netspec.compiler.receptive import receptive_fields  # a check prints none

    fields = receptive_fields(graph)
    times = {node.path: times for node, times in uses(graph)}
    return [_layer(node, presence, fields.get(node.path), times[node.path]) for node, presence in nodes(graph)]


def totals(graph: Graph, batch: int = 1) -> Totals:
    """The sums over all nodes; bytes of activations are those of a batch, all else is of one sample.

    `activation_bytes` counts every value that the forward pass makes, inputs included: what training keeps.
    `inference_bytes` is the most that lives at once, None where sizes are formulas that no order ranks.
    """
    from netspec.compiler.memory import inference_bytes, training_bytes  # a check prints none

    known = counts(graph)
    return Totals(
        num_params=known.num_params,
        num_params_train=known.num_params_train,
        macs=known.macs,
        weight_layers=known.weight_layers,
        activation_bytes=training_bytes(graph, batch),
        inference_bytes=inference_bytes(deployed(graph), batch),
        param_bytes=known.param_bytes,
    )


@lru_cache(maxsize=8)  # `check` verifies them, and then says them
def counts(graph: Graph) -> Counts:
    """What needs no memory to be known."""
    small = deployed(graph)
    counted = _trained(small)
    in_training = counted if small is graph else _trained(graph)
    return Counts(
        num_params=sum(param.numel for param, _ in counted.values()),
        num_params_train=sum(param.numel for param, _ in in_training.values()),
        macs=total(macs_of(node) * times for node, times in uses(small)),
        weight_layers=len({path for param, path in counted.values() if len(param.shape) > 1}),
        param_bytes=sum(param.numel * param.dtype.itemsize for param, _ in counted.values()),
    )


def _trained(graph: Graph) -> dict[str, tuple[Param, str]]:
    """The trained parameters by state-dict key, each with the path of the (first) layer that uses it."""
    found: dict[str, tuple[Param, str]] = {}
    for node in graph.walk():
        for name, param in op_of(node).params(*types_of(node)).items():
            if not param.buffer:
                found.setdefault(node.key(name), (param, node.path))
    return found


def nodes(graph: Graph) -> Iterator[tuple[Node, Presence]]:
    """Every op node, in order, with its presence: what stands in a region, or reads a head, exists when that does."""
    return _nodes(graph, "always", training_values(graph))


def _nodes(graph: Graph, presence: Presence, training: set[Value]) -> Iterator[tuple[Node, Presence]]:
    for node in graph.nodes:
        own: Presence = "head" if runs_in_training_only(node, training) else node.presence
        here = own if presence == "always" else presence
        if isinstance(node, Region):
            yield from ((each, here) for each in (node.learned() if isinstance(node, Scan) else ()))
            yield from _nodes(node.body, here, training)
        else:
            yield node, here


def uses(graph: Graph, times: Size = 1) -> Iterator[tuple[Node, Size]]:
    """Every op node, and how often it runs: inside of a scan, once a step."""
    for node in graph.nodes:
        if isinstance(node, Scan):
            yield from ((each, 1) for each in node.learned())
        if isinstance(node, Region):
            yield from uses(node.body, times * node.steps if isinstance(node, Scan) else times)
        else:
            yield node, times


def own_params(node: Node) -> Mapping[str, Param]:
    """The parameters and buffers that the node itself has: none of a call, none that is tied to another layer's."""
    if node.owner is not None:
        return {}
    return {name: param for name, param in op_of(node).params(*types_of(node)).items() if name not in node.ties}


def types_of(node: Node) -> tuple[TensorType, ...]:
    """The types of what it reads."""
    return tuple(value.type for value in node.inputs)


def macs_of(node: Node) -> Size:
    """Multiply-accumulates of one sample, all of its elements where the layer is applied to each."""
    times = max((value.type.times for value in node.outputs), key=str, default=1)
    return op_of(node).macs(*types_of(node)) * times


def op_of(node: Node) -> Op:
    """The node's op. The graph knows only a protocol; above it there is one implementation."""
    assert isinstance(node.op, Op)
    return node.op


def _explain_macs(params: Mapping[str, Param], macs: Size) -> str | None:
    """`500 * 576`: how many weights, and how often each is used, where all are used equally often."""
    weights = sum(param.numel for param in params.values() if not param.buffer and len(param.shape) > 1)
    if not weights or macs == 0 or macs // weights * weights != macs:
        return None
    uses = f"{macs // weights:,}"
    return f"{weights:,} * ({uses})" if " " in uses else f"{weights:,} * {uses}"


def _layer(node: Node, presence: Presence, field: Sizes | None, times: Size) -> Layer:
    op, types = op_of(node), types_of(node)
    macs = macs_of(node) * times
    params = own_params(node)
    return Layer(
        path=node.path,
        op=op.name,
        attributes=op.attributes(),
        inputs=types,
        output=node.outputs[0].type,
        num_params=trainable(params),
        macs=macs,
        explain=op.explain(*types) if params and not node.ties else None,
        explain_size=op.explain_size(*types),
        explain_macs=_explain_macs(op.params(*types), macs),
        receptive_field=field,
        line=node.span.line if node.span else None,
        presence=presence,
        owner=node.owner,
        frozen=node.frozen,
    )
