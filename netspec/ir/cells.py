"""What a fused recurrent layer is given: the weights of each gate, as parts of the parameters that a cell has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

FusedKind = Literal["lstm", "gru", "tanh", "relu"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a parameter, and columns of a matrix, times a factor.

    `key` is the state-dict key; `shape` the parameter's, of which `rows` and `columns` (start and end) are parts.
    """

    key: str
    shape: tuple[int, ...]
    rows: tuple[int, int]
    columns: tuple[int, int] | None = None
    factor: float = 1.0


# A sum of pieces, of a bias of numbers too; an empty one is zero.
Sum = tuple[Piece | float, ...]
# For each gate in PyTorch's order.
Gates = tuple[Sum, ...]


@dataclass(frozen=True, slots=True)
class Fused:
    """A cell that is an LSTM, a GRU or a plain RNN.

    `input` and `states` (h, and c) are places among the scan's slots; so is `mask`, which says of each step whether it
    is a sample's own, where samples have lengths.
    """

    kind: FusedKind
    hidden_size: int
    input: int
    states: tuple[int, ...]
    weight_ih: Gates
    weight_hh: Gates
    bias_ih: Gates
    bias_hh: Gates
    mask: int | None = None

    @property
    def has_biases(self) -> bool:
        """Whether any gate has one."""
        return any(self.bias_ih) or any(self.bias_hh)
