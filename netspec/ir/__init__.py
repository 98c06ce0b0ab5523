"""The typed graph between the language and the backends: frozen, hierarchical, verified."""

from netspec.ir.graph import Frame, Graph, Init, Node, Operation, Presence, Region, Tie, Value
from netspec.ir.types import Dim, DType, TensorType

__all__ = [
    "DType",
    "Dim",
    "Frame",
    "Graph",
    "Init",
    "Node",
    "Operation",
    "Presence",
    "Region",
    "TensorType",
    "Tie",
    "Value",
]
