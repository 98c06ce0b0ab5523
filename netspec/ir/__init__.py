"""The typed graph between the language and the backends: frozen, hierarchical, verified."""

from netspec.ir.graph import Graph, Node, Operation, Region, Value
from netspec.ir.types import Dim, DType, TensorType

__all__ = ["DType", "Dim", "Graph", "Node", "Operation", "Region", "TensorType", "Value"]
