"""What is known of a network before it runs: parameters, MACs, memory, receptive fields."""

from __future__ import annotations

from dataclasses import dataclass

from netspec.compiler.passes.deployed import deployed
from netspec.compiler.receptive import receptive_fields
from netspec.ir import DType, Graph, Node, Size, Sizes, TensorType, total
from netspec.ops.base import Op, Param, trainable

_BYTES = {
    DType.FLOAT32: 4, DType.FLOAT64: 8, DType.FLOAT16: 2, DType.BFLOAT16: 2,
    DType.INT64: 8, DType.INT32: 4, DType.UINT8: 1, DType.BOOL: 1,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Layer:
    """One row of the summary. Counts are of one sample, formulas where sizes are free.

    `receptive_field` is in positions of the network's input. Parameters that are another layer's, by a call or a tie,
    count there.
    """

    path: str
    op: str
    attributes: dict[str, object]
    inputs: tuple[TensorType, ...]
    output: TensorType
    num_params: int
    macs: Size
    explain: str | None
    receptive_field: Sizes | None
    line: int | None


@dataclass(frozen=True, slots=True)
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
    param_bytes: int


def layers(graph: Graph) -> list[Layer]:
    """A row for every op node, in order."""
    fields = receptive_fields(graph)
    return [_layer(node, fields.get(node.path)) for node in graph.walk()]


def totals(graph: Graph) -> Totals:
    """The sums over all nodes.

    `activation_bytes` counts every value of one sample that the forward pass makes, inputs included: what training
    keeps.
    """
    small = deployed(graph)
    counted = _trained(small)
    in_training = counted if small is graph else _trained(graph)
    types = [value.type for value in graph.inputs] + [value.type for node in graph.walk() for value in node.outputs]
    return Totals(
        num_params=sum(param.numel for param, _ in counted.values()),
        num_params_train=sum(param.numel for param, _ in in_training.values()),
        macs=total(op_of(node).macs(*_types(node)) for node in small.walk()),
        weight_layers=len({path for param, path in counted.values() if len(param.shape) > 1}),
        activation_bytes=total(type.numel * _BYTES[type.dtype] for type in types),
        param_bytes=sum(param.numel * _BYTES[param.dtype] for param, _ in counted.values()),
    )


def _trained(graph: Graph) -> dict[str, tuple[Param, str]]:
    """The trained parameters by state-dict key, each with the path of the (first) layer that uses it."""
    found: dict[str, tuple[Param, str]] = {}
    for node in graph.walk():
        for name, param in op_of(node).params(*_types(node)).items():
            if not param.buffer:
                found.setdefault(node.key(name), (param, node.path))
    return found


def op_of(node: Node) -> Op:
    """The node's op. The graph knows only a protocol; above it there is one implementation."""
    assert isinstance(node.op, Op)
    return node.op


def _types(node: Node) -> tuple[TensorType, ...]:
    return tuple(value.type for value in node.inputs)


def _own_params(node: Node) -> dict[str, Param]:
    """Its parameters without those that are tied to another layer's."""
    params = op_of(node).params(*_types(node)).items()
    return {name: param for name, param in params if name not in node.ties}


def _layer(node: Node, field: Sizes | None) -> Layer:
    op, types = op_of(node), _types(node)
    return Layer(
        path=node.path,
        op=op.name,
        attributes=op.attributes(),
        inputs=types,
        output=node.outputs[0].type,
        num_params=0 if node.owner else trainable(_own_params(node)),
        macs=op.macs(*types),
        explain=op.explain(*types),
        receptive_field=field,
        line=node.span.line if node.span else None,
    )
