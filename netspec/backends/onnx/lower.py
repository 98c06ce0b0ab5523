"""Graph + weights -> ONNX model, without torch.

Node names and values carry the spec's paths, inputs and outputs the spec's names; the batch is the symbolic axis
`batch`, and an axis whose size is a formula is dynamic, with its text as its name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

import netspec
from netspec.backends.onnx.builder import ELEMENT_TYPES, Builder, OnnxHandle, Params, every_node
from netspec.backends.onnx.bundle import Beside
from netspec.backends.onnx.formulas import dimensions
from netspec.backends.onnx.scans import ScanLowering
from netspec.compiler.passes.deployed import deployed
from netspec.compiler.passes.drawn_as_inputs import drawn_as_inputs
from netspec.compiler.passes.fused_cells import fused_cells
from netspec.compiler.passes.masks import masked
from netspec.diagnostics import ModelError
from netspec.ir import Graph, Node, Region, Scan, TensorType, Value
from netspec.ops.base import Op, Param
from netspec.ops.lowering import BATCH, OPSETS

IR_VERSION = 10

State = Mapping[str, "np.ndarray[Any, Any]"]


def lower(
    graph: Graph,
    state: State,
    *,
    metadata: Mapping[str, str] | None = None,
    opset: int = 20,
    fixed: Mapping[str, int] | None = None,
    beside: Beside | None = None,
) -> onnx.ModelProto:
    """The ONNX model of a graph. The same graph, weights and metadata give the same bytes.

    Args:
        graph: A verified graph; what exists in training only is left out, what is drawn is an input.
        state: Parameters and buffers by state-dict key; it may hold more.
        metadata: Texts that the file carries, by key.
        opset: Version of ONNX's operators.
        fixed: Sizes of free axes that the file is to have once and for all, by name; `batch` is the batch's.
        beside: Takes the large tensors, which the model then lacks until they are written.

    Raises:
        ModelError: `onnx`, an operator that this version does not have; `weights`, a state that does not fit the graph.
    """
    if opset not in OPSETS:
        message = f"opset {opset} is outside {OPSETS[0]} to {OPSETS[-1]}"
        raise ModelError.at(graph.name, "onnx", message)
    graph = masked(drawn_as_inputs(fused_cells(deployed(graph))))
    check_state(graph, state)
    lowering = _Lowering(graph, state, opset, fixed or {}, beside)
    lowering.inputs()
    lowering.nodes(graph)
    outputs = lowering.outputs()
    builder = lowering.builder
    nodes = _needed(builder.nodes, graph.output_names)
    used = {name for node in every_node(nodes) for name in node.input}
    proto = helper.make_graph(
        nodes,
        graph.name,
        [lowering.declare(value.name, value.type) for value in graph.inputs],
        outputs,
        [tensor for name, tensor in builder.initializers.items() if name in used],
    )
    model = helper.make_model(
        proto,
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", opset)],
        producer_name="netspec",
        producer_version=netspec.__version__,
    )
    helper.set_model_props(model, dict(sorted((metadata or {}).items())))
    return model


class _Lowering:
    def __init__(self, graph: Graph, state: State, opset: int, fixed: Mapping[str, int], beside: Beside | None) -> None:
        self.builder = Builder(graph.output_names, beside=beside)
        self._opset = opset
        self._fixed = fixed
        self._graph = graph
        self._state = state
        self._known: dict[Value, OnnxHandle] = {}

    def inputs(self) -> None:
        for value in self._graph.inputs:
            self._known[value] = OnnxHandle(value.name, value.type)
            self.builder.formulas.declare(OnnxHandle(value.name, value.type))

    def nodes(self, graph: Graph) -> None:
        for node in graph.nodes:
            if isinstance(node, Scan):
                self._scan(node)
            elif isinstance(node, Region):
                self._region(node)
            else:
                self._node(node)

    def outputs(self) -> list[onnx.ValueInfoProto]:
        """The graph's outputs under their names, by an Identity where a value has another name."""
        found = []
        for name, value in zip(self._graph.output_names, self._graph.outputs, strict=True):
            if self._known[value].name != name:
                self.builder.start(f"{name}/output")
                self.builder.finish(self.builder.call("Identity", self._known[value])[0], name)
            found.append(self.declare(name, value.type))
        return found

    def declare(self, name: str, type: TensorType) -> onnx.ValueInfoProto:
        """An input or output of the file."""
        return helper.make_tensor_value_info(name, ELEMENT_TYPES[type.dtype], dimensions(type, BATCH, self._fixed))

    def _region(self, region: Region) -> None:
        for inside, outside in region.entries():
            self._known[inside] = self._known[outside]
        self.nodes(region.body)
        for inside, outside in region.exits():
            self._known[outside] = self._known[inside]

    def _scan(self, scan: Scan) -> None:
        for node in scan.learned():
            self._node(node)
        lowered = ScanLowering(scan, self.builder, self._known, self.nodes, self._state)
        # A node has the name of its output that was named last: the first.
        for value, handle in [*zip(scan.outputs, lowered.results(), strict=True)][::-1]:
            named = self.builder.finish(handle, self._value_name(value))
            self._known[value] = OnnxHandle(named.name, value.type)

    def _node(self, node: Node) -> None:
        assert isinstance(node.op, Op)
        self.builder.start(node.path)
        params = Params(self.builder, node, self._state)
        results = node.op.to_onnx(self.builder, *(self._known[value] for value in node.inputs), params)
        handles = results if isinstance(results, tuple) else (results,)
        self._check_opset(node)
        for value, handle in zip(node.outputs, handles, strict=True):
            assert isinstance(handle, OnnxHandle)
            named = self.builder.finish(handle, self._value_name(value))
            self._known[value] = OnnxHandle(named.name, value.type)

    def _check_opset(self, node: Node) -> None:
        """Every operator of the op exists in the version that is written."""
        for each in self.builder.current():
            if not _exists(each, self._opset):
                message = (
                    f"{node.path}: opset {self._opset} does not have the operator {each.op_type}, or not in this form"
                )
                raise ModelError.at(self._graph.name, "onnx", message, help="write a higher --opset")

    def _value_name(self, value: Value) -> str:
        """The value's own name, unless an output that is another value has it, or a `param`'s stored tensor."""
        outputs = dict(zip(self._graph.output_names, self._graph.outputs, strict=True))
        if value.name in outputs:
            return value.name if outputs[value.name] is value else f"{value.name}/value"
        return f"{value.name}/value" if value.name in self._state else value.name


def _needed(nodes: Sequence[onnx.NodeProto], outputs: Sequence[str]) -> list[onnx.NodeProto]:
    """The nodes that the outputs depend on: of a layer's several outputs some may be read by nobody."""
    wanted, kept = set(outputs), list[onnx.NodeProto]()
    for node in reversed(nodes):
        if not wanted.isdisjoint(node.output):
            kept.append(node)
            wanted.update(name for each in every_node([node]) for name in each.input)
    return kept[::-1]


def _exists(node: onnx.NodeProto, opset: int) -> bool:
    """Whether a version has the operator, with as many inputs and these attributes."""
    if not onnx.defs.has(node.op_type, opset, ""):
        return False
    schema = onnx.defs.get_schema(node.op_type, opset, "")
    return len(node.input) <= schema.max_input and all(each.name in schema.attributes for each in node.attribute)


def check_state(graph: Graph, state: State) -> None:
    """The weights are those of the graph: every key there, of its shape and element type.

    Raises:
        ModelError: `weights`, naming the first key that is not.
    """
    for node in graph.walk():
        assert isinstance(node.op, Op)
        for name, param in node.op.params(*(value.type for value in node.inputs)).items():
            key = node.key(name)
            if key not in state:
                raise ModelError.at(graph.name, "weights", f"{key}: the state dict has no such tensor")
            tie = node.ties.get(name)
            found = state[key].T if tie is not None and tie.transpose else state[key]
            if (found.shape, found.dtype.name) != (param.shape, param.dtype.value):
                have, want = (f"{list(shape)} {dtype}" for shape, dtype in _kinds(found, param))
                raise ModelError.at(graph.name, "weights", f"{key}: the network has {want}, the state dict {have}")


def _kinds(found: np.ndarray[Any, Any], param: Param) -> tuple[tuple[tuple[int, ...], str], ...]:
    return ((found.shape, found.dtype.name), (param.shape, param.dtype.value))
