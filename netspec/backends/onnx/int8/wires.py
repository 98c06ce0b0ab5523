"""Who makes and who reads each value of an ONNX graph."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

Array = np.ndarray[Any, Any]


class Wires:
    """A look at a graph as it is now; after a change it is taken anew."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.outputs = {each.name for each in graph.output}
        self.inputs = {each.name for each in graph.input}
        self.producer = {name: node for node in graph.node for name in node.output if name}
        self.tensors = {each.name: each for each in graph.initializer}
        self.readers: dict[str, list[onnx.NodeProto]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                if name:
                    self.readers[name].append(node)

    def constant(self, name: str) -> Array | None:
        """The numbers of a stored tensor; None if the name is not one's."""
        tensor = self.tensors.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def only_reader(self, name: str) -> onnx.NodeProto | None:
        """The node that alone reads a value which is no output of the graph."""
        readers = self.readers.get(name, [])
        return readers[0] if len(readers) == 1 and name not in self.outputs else None


def attribute(node: onnx.NodeProto, name: str, default: Any) -> Any:
    """An attribute of a node, or its default."""
    for each in node.attribute:
        if each.name == name:
            return onnx.helper.get_attribute_value(each)
    return default
