"""The typed graph between the language and the backends: frozen, hierarchical, verified."""

from netspec.ir.bounds import bounds, is_at_most, is_less
from netspec.ir.dims import Dim, DimError, Size, Sizes, Symbol, Undecided, product, symbol, total
from netspec.ir.graph import (
    Distribution,
    Frame,
    Graph,
    Init,
    Input,
    Node,
    Operation,
    Presence,
    Region,
    Scan,
    Slot,
    Tie,
    Value,
)  # fmt: skip
from netspec.ir.substitution import evaluate, multiple_proving, substitute, symbols_of
from netspec.ir.types import DType, TensorType

__all__ = [
    "DType",
    "Dim",
    "DimError",
    "Distribution",
    "Frame",
    "Graph",
    "Init",
    "Input",
    "Node",
    "Operation",
    "Presence",
    "Region",
    "Scan",
    "Size",
    "Sizes",
    "Slot",
    "Symbol",
    "TensorType",
    "Tie",
    "Undecided",
    "Value",
    "bounds",
    "evaluate",
    "is_at_most",
    "is_less",
    "multiple_proving",
    "product",
    "substitute",
    "symbol",
    "symbols_of",
    "total",
]
