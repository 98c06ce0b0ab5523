"""The builder that ops write ONNX with: operators become nodes named after the spec's paths."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from netspec.backends.onnx.bundle import Beside
from netspec.backends.onnx.formulas import Formulas
from netspec.ir import DType, Node, Size, Sizes, TensorType
from netspec.ops.lowering import OnnxValue

ELEMENT_TYPES = {
    DType.FLOAT32: TensorProto.FLOAT,
    DType.FLOAT64: TensorProto.DOUBLE,
    DType.FLOAT16: TensorProto.FLOAT16,
    DType.BFLOAT16: TensorProto.BFLOAT16,
    DType.INT64: TensorProto.INT64,
    DType.INT32: TensorProto.INT32,
    DType.UINT8: TensorProto.UINT8,
    DType.BOOL: TensorProto.BOOL,
}


class OnnxHandle:
    """A value of the ONNX graph. Intermediates of an op have no type of their own."""

    __slots__ = ("_type", "name")

    def __init__(self, name: str, type: TensorType | None = None) -> None:
        self.name = name
        self._type = type

    @property
    def type(self) -> TensorType:
        """Its type; known for the inputs of an op."""
        assert self._type is not None, f"{self.name} is inside an op; only its inputs have types"
        return self._type

    @property
    def shape(self) -> Sizes:
        """Its shape per sample."""
        return self.type.shape


class Params:
    """The tensors of one op: `p.weight` is an initializer, None where the op has none of that name."""

    def __init__(self, builder: Builder, node: Node, state: Mapping[str, np.ndarray[Any, Any]]) -> None:
        self._builder = builder
        self._node = node
        self._state = state

    def __getattr__(self, name: str) -> OnnxHandle | None:
        key = self._node.key(name)
        if key not in self._state:
            return None
        tie = self._node.ties.get(name)
        if tie is not None and tie.transpose:
            return self._builder.initializer(f"{self._node.path}.{name}", self._state[key].T)
        return self._builder.initializer(key, self._state[key])


class Builder:
    """Collects the nodes and initializers of a graph. `start` and `finish` enclose one op's nodes."""

    def __init__(self, taken: Collection[str] = (), constants: str = "constant", beside: Beside | None = None) -> None:
        """`taken` are names that no tensor may have (those of the outputs); constants are `constants` and a number.

        `beside` holds large tensors outside of the model.
        """
        self._prefix = constants
        self._beside = beside
        self.nodes: list[onnx.NodeProto] = []
        self._taken = frozenset(taken)
        self.initializers: dict[str, onnx.TensorProto] = {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], OnnxHandle] = {}
        self.formulas = Formulas(self)
        self._path = ""
        self._first = 0

    def start(self, path: str) -> None:
        """What follows belongs to the op at `path`."""
        self._path = path
        self._first = len(self.nodes)

    def current(self) -> list[onnx.NodeProto]:
        """The nodes of the op at hand."""
        return self.nodes[self._first :]

    def finish(self, value: OnnxHandle, name: str) -> OnnxHandle:
        """Call the op's result, and the node that makes it, `name`; an Identity makes it where the op handed one on."""
        mine = self.current()
        if not any(value.name in node.output for node in mine):
            value = self.call("Identity", value)[0]
            mine = self.current()
        for node in mine:
            if value.name in node.output:
                node.name = name
            node.output[:] = [name if output == value.name else output for output in node.output]
            node.input[:] = [name if input == value.name else input for input in node.input]
        return OnnxHandle(name)

    def call(self, op_type: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> tuple[OnnxHandle, ...]:
        """Add a node; `None` among the inputs leaves an optional one out."""
        names = ["" if each is None else each.name for each in inputs]
        while names and not names[-1]:
            names.pop()
        stem = f"{self._path}/{op_type}_{len(self.nodes) - self._first}"
        results = [stem if i == 0 else f"{stem}.{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op_type, names, results, name=stem, **_plain(attributes)))
        return tuple(OnnxHandle(name) for name in results)

    def scan(
        self, step: Callable[..., tuple[Any, ...]], states: Sequence[Any], sequences: Sequence[Any], *,
        axes: Sequence[int], axis: int = 1, reverse: bool = False,
    ) -> tuple[OnnxHandle, ...]:  # fmt: skip
        """A Scan whose body is what `step` adds; see the protocol."""
        stem = f"{self._path}/Scan_{len(self.nodes) - self._first}"
        names = [f"{stem}/state_{i}" for i in range(len(states))] + [f"{stem}/step_{i}" for i in range(len(sequences))]
        outside = self.nodes, self._first, self._path
        self.nodes, self._first, self._path = [], 0, stem
        results = step(*(OnnxHandle(name) for name in names))
        body = helper.make_graph(self.nodes, f"{stem}/body", _untyped(names), _untyped([each.name for each in results]))
        self.nodes, self._first, self._path = outside
        num_outputs = len(results) - len(states)
        attributes: dict[str, Any] = {"body": body, "num_scan_inputs": len(sequences)}
        if any(axes):
            attributes["scan_input_axes"] = list(axes)
        if axis and num_outputs:
            attributes["scan_output_axes"] = [axis] * num_outputs
        if reverse:
            ones = {"scan_input_directions": len(sequences), "scan_output_directions": num_outputs}
            attributes |= {key: [1] * count for key, count in ones.items() if count}
        return self.call("Scan", *states, *sequences, outputs=len(results), **attributes)

    def __getattr__(self, op_type: str) -> Callable[..., OnnxHandle]:
        if not op_type[:1].isupper():
            raise AttributeError(op_type)
        return lambda *inputs, **attributes: self.call(op_type, *inputs, **attributes)[0]

    def choose(
        self, test: OnnxValue, then: Callable[[], OnnxValue], otherwise: Callable[[], OnnxValue], dtype: DType
    ) -> OnnxHandle:
        """The one value or the other, of which only one is computed. Both may read whatever stands before.

        Args:
            test: A boolean without axes.
            then: Adds the nodes of the one.
            otherwise: Adds those of the other.
            dtype: The elements of either.
        """
        graphs = {}
        path, first = self._path, self._first
        for label, write in (("then_branch", then), ("else_branch", otherwise)):
            start = len(self.nodes)
            self.start(f"{path}/{label}_{start - first}")
            value = write()
            assert isinstance(value, OnnxHandle)
            output = helper.make_tensor_value_info(value.name, ELEMENT_TYPES[dtype], None)
            graphs[label] = helper.make_graph(self.nodes[start:], label, [], [output])
            del self.nodes[start:]
        self._path, self._first = path, first
        return self.call("If", test, **graphs)[0]

    def ints(self, values: Sequence[int]) -> OnnxHandle:
        """A constant vector of int64."""
        return self._constant(np.asarray(values, dtype=np.int64))

    def sizes(self, values: Sequence[Size], input: OnnxValue) -> OnnxValue:
        """A vector of int64 of sizes; formulas are computed from the shapes of the input and the network's inputs."""
        return self.formulas.vector(values, input)

    def constant(self, values: Any, dtype: DType) -> OnnxHandle:
        """A constant tensor."""
        return self._constant(np.asarray(values, dtype=helper.tensor_dtype_to_np_dtype(ELEMENT_TYPES[dtype])))

    def cast(self, value: OnnxValue, dtype: DType) -> OnnxHandle:
        """The value with elements of another type."""
        return self.call("Cast", value, to=ELEMENT_TYPES[dtype])[0]

    def scalar(self, value: float, like: OnnxValue) -> OnnxHandle:
        """A constant number of the element type of `like`, an input of the op."""
        dtype = helper.tensor_dtype_to_np_dtype(ELEMENT_TYPES[like.type.dtype])
        return self._constant(np.asarray(value, dtype=dtype))

    def initializer(self, name: str, array: np.ndarray[Any, Any]) -> OnnxHandle:
        """A named tensor of the file; used twice, stored once. Constants of equal value are one tensor too."""
        name = f"{name}/stored" if name in self._taken else name
        if name not in self.initializers:
            array = np.ascontiguousarray(array)
            beside = self._beside
            tensor = numpy_helper.from_array(array, name) if beside is None else beside.tensor(name, array)
            self.initializers[name] = tensor
        return OnnxHandle(name)

    def _constant(self, array: np.ndarray[Any, Any]) -> OnnxHandle:
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"{self._prefix}/{len(self._constants)}"
            self._constants[key] = OnnxHandle(name)
            self.initializers[name] = numpy_helper.from_array(array, name)
        return self._constants[key]


def every_node(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The nodes, each followed by those of the bodies inside of it."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from every_node(attribute.g.node)


def _untyped(names: Sequence[str]) -> list[onnx.ValueInfoProto]:
    """Values of a body, whose types are those of what the Scan reads."""
    return [onnx.ValueInfoProto(name=name) for name in names]


def _plain(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Tuples as lists, bools as ints: the forms that ONNX attributes have."""
    found = {}
    for name, value in attributes.items():
        found[name] = list(value) if isinstance(value, tuple) else int(value) if isinstance(value, bool) else value
    return found
