"""How a sequence is handed to a fused layer of torch, and what the layer gives: samples may end before the others."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass

from netspec.backends.torch.expressions import Expression

TORCH = Expression(ast.Name("torch"))
RNN = Expression(ast.Name("nn")).utils.rnn


@dataclass(frozen=True, slots=True)
class Whole:
    """All samples [N, T, features] end with the last step; `reverse` begins there."""

    sequence: Expression
    reverse: bool

    @property
    def input(self) -> tuple[Expression, ...]:
        """The layer's first arguments."""
        return (self.turned(self.sequence),)

    @property
    def batch_first(self) -> tuple[bool, ...]:
        """The layer's last argument."""
        return (True,)

    def start(self, state: Expression) -> Expression:
        """A state [1, N, size] that the layer starts at."""
        return state

    def padded(self, outputs: Expression, body: list[ast.stmt]) -> Expression:
        """The layer's outputs as [N, T, size]; statements are added."""
        return outputs

    def turned(self, sequence: Expression) -> Expression:
        """The other way round if it runs backward."""
        return sequence.flip(1) if self.reverse else sequence

    def finals(self, padded: Expression, states: list[Expression]) -> list[Expression]:
        """The final states [N, size]: h, and c."""
        return [state.squeeze(0) for state in states]


@dataclass(frozen=True, slots=True)
class Ended(Whole):
    """Each sample has steps of its own, `lengths` [N]; padding, which is finite, follows and reaches none of them.

    Backward begins at the last of them, by `places`. That h is read in time; of other states there is the last alone.
    """

    lengths: Expression
    places: Expression | None

    @classmethod
    def of(
        cls, sequence: Expression, mask: Expression, body: list[ast.stmt], named: Callable[[str], str], *, reverse: bool
    ) -> Ended:
        """The sequence, with statements that are added; `mask` [N, T] says which steps are a sample's own."""
        lengths, places = mask.sum(1), None
        if reverse:
            lengths = _assigned(named("lengths"), lengths, body)
            backward = lengths[slice(None), None] - 1 - TORCH.arange(sequence.size(1), device=sequence.device)
            # Padding follows backward too: turned twice, all is where it was.
            found = TORCH.remainder(backward, sequence.size(1))[slice(None), slice(None), None]
            places = _assigned(named("places"), found, body)
        return cls(sequence, reverse, lengths, places)

    def turned(self, sequence: Expression) -> Expression:
        return sequence if self.places is None else TORCH.take_along_dim(sequence, self.places, 1)

    def finals(self, padded: Expression, states: list[Expression]) -> list[Expression]:
        last = (self.lengths - 1)[slice(None), None, None]
        return [TORCH.take_along_dim(padded, last, 1).squeeze(1), *(state.squeeze(0) for state in states[1:])]


@dataclass(frozen=True, slots=True)
class Packed(Ended):
    """The layer is given no padding, and the longest sample first: all its states are those at the lengths."""

    packed: Expression

    @classmethod
    def of(
        cls, sequence: Expression, mask: Expression, body: list[ast.stmt], named: Callable[[str], str], *, reverse: bool
    ) -> Packed:
        own = Ended.of(sequence, mask, body, named, reverse=reverse)
        # Packing wants lengths on the CPU.
        options = {"batch_first": True, "enforce_sorted": False}
        call = RNN.pack_padded_sequence(own.turned(sequence), own.lengths.cpu(), **options)
        return cls(sequence, reverse, own.lengths, own.places, _assigned(named("packed"), call, body))

    @property
    def input(self) -> tuple[Expression, ...]:
        return self.packed.data, self.packed.batch_sizes

    @property
    def batch_first(self) -> tuple[bool, ...]:
        return ()

    def start(self, state: Expression) -> Expression:
        return state.index_select(1, self.packed.sorted_indices)

    def padded(self, outputs: Expression, body: list[ast.stmt]) -> Expression:
        packed, size = self.packed._replace(data=outputs), self.sequence.size(1)
        call = RNN.pad_packed_sequence(packed, batch_first=True, total_length=size)
        body.append(ast.Assign([ast.Tuple([outputs.tree, ast.Name("_")])], call.tree, lineno=1))
        return outputs

    def finals(self, padded: Expression, states: list[Expression]) -> list[Expression]:
        return [state.index_select(1, self.packed.unsorted_indices).squeeze(0) for state in states]


def _assigned(name: str, value: Expression, body: list[ast.stmt]) -> Expression:
    body.append(ast.Assign([ast.Name(name)], value.tree, lineno=1))
    return Expression(ast.Name(name))
