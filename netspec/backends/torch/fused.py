"""Scans that are an LSTM, a GRU or a plain RNN: one call of torch's fused layer on the cell's own parameters."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from netspec.backends.torch.expressions import Expression
from netspec.backends.torch.loops import Loop
from netspec.backends.torch.placing import tensor
from netspec.backends.torch.program import relative
from netspec.backends.torch.sequences import Ended, Packed, Whole
from netspec.ir import Value
from netspec.ir.cells import Fused, Gates, Piece, Sum

TORCH = Expression(ast.Name("torch"))
FUNCTIONS = {"lstm": "lstm", "gru": "gru", "tanh": "rnn_tanh", "relu": "rnn_relu"}
#: The buffer that stands for biases which a cell does not have.
ZEROS = "zeros"


@dataclass(frozen=True, slots=True, eq=False)
class FusedCall:
    """The call of a scan that is a known layer, in the scan's class."""

    loop: Loop
    fused: Fused

    @property
    def needs_zeros(self) -> int:
        """How many zeros stand for biases that are not there."""
        gates = [*self.fused.bias_ih, *self.fused.bias_hh]
        is_needed = self.fused.has_biases and not all(any(isinstance(p, Piece) for p in gate) for gate in gates)
        return len(self.fused.bias_ih) * self.fused.hidden_size if is_needed else 0

    def statements(self) -> tuple[list[ast.stmt], list[ast.expr]]:
        """The statements, and what each of the scan's outputs is after them."""
        scan, body = self.loop.scan, list[ast.stmt]()
        names = self.loop.started(body, fused=True)
        inputs = scan.body.inputs
        states = [inputs[place] for place in self.fused.states]
        run = self._sequence(names, body)
        given = tuple(self._first_axis(names, state, run) for state in states)
        weights = self._weights(body)
        start = given if len(given) > 1 else given[0]
        options = (self.fused.has_biases, 1, 0.0, self.loop.module.training, False, *run.batch_first)
        call = getattr(TORCH, FUNCTIONS[self.fused.kind])(*run.input, start, tuple(weights), *options)
        targets = [self._name("outputs"), *(names[state] for state in states)]
        body.append(ast.Assign([ast.Tuple([ast.Name(name) for name in targets])], call.tree, lineno=1))
        outputs, *last = (Expression(ast.Name(name)) for name in targets)
        outputs = run.padded(outputs, body)
        emitted = [run.turned(outputs).tree] * (len(scan.body.outputs) - len(states))
        finals = dict(zip(states, run.finals(outputs, last), strict=True))
        return body, [*emitted, *(finals[inside].tree for slot, inside, _ in scan.reads() if slot.state)]

    def _sequence(self, names: dict[Value, str], body: list[ast.stmt]) -> Whole:
        """How the sequence is handed to the layer."""
        inputs, reverse = self.loop.scan.body.inputs, self.loop.scan.reverse
        sequence = Expression(ast.Name(names[inputs[self.fused.input]]))
        if self.fused.mask is None:
            return Whole(sequence, reverse)
        mask = Expression(ast.Name(names[inputs[self.fused.mask]]))
        return (Packed if self._must_end else Ended).of(sequence, mask, body, self._name, reverse=reverse)

    @property
    def _must_end(self) -> bool:
        """Whether the layer must stop at the lengths: what it gives then is read, or may grow without bound in padding.

        Where it need not, nothing is packed, which costs torch's backward pass on a CPU the square of the steps.
        """
        finals = self.loop.scan.outputs[-len(self.fused.states) :]
        names = [slot.state for slot in self.loop.scan.states]
        others = [self.loop.scan.slots[place].state for place in self.fused.states[1:]]
        is_read = any(value in self.loop.read and name in others for name, value in zip(names, finals, strict=True))
        return is_read or self.fused.kind == "relu"

    def _first_axis(self, names: dict[Value, str], state: Value, run: Whole) -> Expression:
        """[N, size] -> [1, N, size]; what starts at zero has that shape."""
        own = Expression(ast.Name(names[state]))
        return own if self.loop.starts_at_zero(state) else run.start(own.unsqueeze(0))

    def _weights(self, body: list[ast.stmt]) -> list[Expression]:
        """What the layer is given, each with a name where it is put together."""
        fused = self.fused
        parts = [("w_x", fused.weight_ih), ("w_h", fused.weight_hh)]
        parts += [("b_x", fused.bias_ih), ("b_h", fused.bias_hh)] if fused.has_biases else []
        found = []
        for name, gates in parts:
            tree = self._matrix(gates)
            if isinstance(tree.tree, ast.Attribute):
                found.append(tree)
            else:
                variable = self._name(name)
                body.append(ast.Assign([ast.Name(variable)], tree.tree, lineno=1))
                found.append(Expression(ast.Name(variable)))
        return found

    def _name(self, name: str) -> str:
        return self.loop.named(name)

    def _matrix(self, gates: Gates) -> Expression:
        """The rows of all gates, one after the other; rows of one parameter that go on are one part."""
        size = self.fused.hidden_size
        runs: list[tuple[Sum, int]] = []
        for gate in gates:
            if runs and _goes_on(runs[-1], gate, size):
                runs[-1] = (runs[-1][0], runs[-1][1] + size)
            else:
                runs.append((gate, size))
        parts = [self._sum(pieces, rows) for pieces, rows in runs]
        return parts[0] if len(parts) == 1 else TORCH.cat(parts)

    def _sum(self, parts: Sum, rows: int) -> Expression:
        first, *others = [self._piece(each, rows) for each in parts if isinstance(each, Piece)] or [self._zeros(rows)]
        for other in others:
            first = first + other
        for number in (each for each in parts if not isinstance(each, Piece)):
            first = first - -number if number < 0 else first + number
        return first

    def _zeros(self, rows: int) -> Expression:
        zeros = Expression(ast.Attribute(self.loop.module.tree, ZEROS))
        return zeros if rows == self.needs_zeros else zeros[slice(None, rows)]

    def _piece(self, piece: Piece, rows: int) -> Expression:
        own = Expression(tensor(relative(piece.key, self.loop.scan.path)))
        wanted = [_range(piece.rows[0], piece.rows[0] + rows, piece.shape[0])]
        if piece.columns is not None:
            wanted.append(_range(*piece.columns, piece.shape[1]))
        while wanted and wanted[-1] == slice(None):
            wanted.pop()
        own = own[tuple(wanted) if len(wanted) > 1 else wanted[0]] if wanted else own
        return own if piece.factor == 1 else -own if piece.factor == -1 else own * piece.factor


def _goes_on(run: tuple[Sum, int], gate: Sum, size: int) -> bool:
    """Whether a gate's pieces are the rows that follow those of a run."""
    parts, rows = run
    return len(parts) == len(gate) and all(_follows(a, b, rows) for a, b in zip(parts, gate, strict=True))


def _follows(a: Piece | float, b: Piece | float, rows: int) -> bool:
    if not isinstance(a, Piece) or not isinstance(b, Piece):
        return a == b
    return (a.key, a.columns, a.factor, a.rows[0] + rows) == (b.key, b.columns, b.factor, b.rows[0])


def _range(start: int, end: int, size: int) -> slice:
    return slice(start or None, None if end == size else end)


def registered_zeros(count: int) -> ast.stmt:
    """The buffer, which is not in the state dict."""
    call = Expression(ast.Name("self")).register_buffer(ZEROS, TORCH.zeros(count), persistent=False)
    return ast.Expr(call.tree)
