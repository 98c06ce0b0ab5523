"""Recurrent layers in ONNX: its RNN, GRU and LSTM nodes, and a Scan for LSTMs with a projection, which it lacks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netspec.ir import DType
from netspec.ops.broadcast import repeated_in_onnx
from netspec.ops.lowering import OnnxBuilder, OnnxValue

#: Of one direction: weight_ih, weight_hh, bias_ih, bias_hh, weight_hr; None where the layer has none.
Weights = tuple[OnnxValue | None, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """What is special to one kind: the operator, torch's gates in ONNX's order, and attributes of one direction."""

    op_type: str
    hidden_size: int
    order: tuple[int, ...]
    attributes: Mapping[str, Any]
    projection: int = 0


def cell_of(kind: str, hidden_size: int, *, projection: int = 0) -> Cell:
    """The cell of an `lstm`, a `gru`, or a plain RNN, which is called by its activation."""
    if kind == "lstm":
        return Cell("LSTM", hidden_size, (0, 3, 1, 2), {}, projection=projection)
    if kind == "gru":
        return Cell("GRU", hidden_size, (1, 0, 2), {"linear_before_reset": 1})
    return Cell("RNN", hidden_size, (0,), {"activations": (kind.capitalize(),)})


def in_onnx(
    g: OnnxBuilder, cell: Cell, input: OnnxValue, states: Sequence[OnnxValue], layers: Sequence[Sequence[Weights]],
    lengths: OnnxValue | None = None, *, is_single: bool = False,
) -> tuple[OnnxValue, ...]:  # fmt: skip
    """The outputs of a recurrent layer: sequence, final states, and the top layer's final h.

    Args:
        g: The builder.
        cell: The kind.
        input: [N, T, features].
        states: Initial states, [N, layers*directions, size] each, or none.
        layers: The weights by layer and direction.
        lengths: [N], int32: where each sample ends; None: all at T.
        is_single: The input is [N, features], and so is the first output.
    """
    like, num = input, len(layers) * len(layers[0])
    input, *states = repeated_in_onnx(g, (input, *states))
    input = g.Unsqueeze(input, g.ints([1])) if is_single else input
    if cell.projection and not states:
        states = [_zeros(g, input, num, size, like) for size in (cell.projection, cell.hidden_size)]
    nothing: list[Sequence[OnnxValue | None]] = [[None] * len(layers)] * 2
    starts = [_by_layer(g, state, num, len(layers)) for state in states] or nothing
    value = g.Transpose(input, perm=[1, 0, 2])
    finals: list[tuple[OnnxValue, ...]] = []
    for index, directions in enumerate(layers):
        if index:
            value = _features(g, value, len(directions))
        run = _projected if cell.projection else run_node
        value, *ends = run(g, cell, value, directions, [each[index] for each in starts], lengths)
        finals.append(tuple(ends))
    states_out = [_joined(g, each) for each in zip(*finals, strict=True)]
    sequence = _batch_first(g, value, len(layers[0]))
    sequence = g.Squeeze(sequence, g.ints([1])) if is_single else sequence
    return sequence, *states_out, _side_by_side(g, finals[-1][0], len(layers[0]))


def _by_layer(g: OnnxBuilder, state: OnnxValue, num: int, num_layers: int) -> list[OnnxValue]:
    """[N, layers*directions, size] -> for each layer [directions, N, size]."""
    turned = g.Transpose(state, perm=[1, 0, 2])
    if num_layers == 1:
        return [turned]
    return list(g.call("Split", turned, g.ints([num // num_layers] * num_layers), outputs=num_layers, axis=0))


def run_node(
    g: OnnxBuilder, cell: Cell, input: OnnxValue, directions: Sequence[Weights], starts: Sequence[OnnxValue | None],
    lengths: OnnxValue | None, *, reverse: bool = False,
) -> tuple[OnnxValue, ...]:  # fmt: skip
    """One layer: [T, N, features] -> [T, directions, N, hidden] and the final states, [directions, N, hidden] each."""
    weight, recurrent = (_stacked(g, [_ordered(g, cell, each[kind]) for each in directions]) for kind in (0, 1))
    bias = None
    if directions[0][2] is not None:
        pairs = [[_ordered(g, cell, each[kind]) for kind in (2, 3)] for each in directions]
        bias = _stacked(g, [g.Concat(*pair, axis=0) for pair in pairs])
    attributes = {
        key: value * len(directions) if isinstance(value, tuple) else value for key, value in cell.attributes.items()
    }
    if len(directions) == 2:
        attributes["direction"] = "bidirectional"
    elif reverse:
        attributes["direction"] = "reverse"
    num_states = 2 if cell.op_type == "LSTM" else 1
    inputs = (input, weight, recurrent, bias, lengths, *starts[:num_states])
    return g.call(cell.op_type, *inputs, outputs=1 + num_states, hidden_size=cell.hidden_size, **attributes)


def _ordered(g: OnnxBuilder, cell: Cell, tensor: OnnxValue | None) -> OnnxValue:
    """A weight or a bias with its gates in ONNX's order."""
    assert tensor is not None
    count = len(cell.order)
    if cell.order == tuple(range(count)):
        return tensor
    gates = g.call("Split", tensor, g.ints([cell.hidden_size] * count), outputs=count, axis=0)
    return g.Concat(*(gates[i] for i in cell.order), axis=0)


def _stacked(g: OnnxBuilder, tensors: Sequence[OnnxValue]) -> OnnxValue:
    """Those of the directions along a new first axis."""
    parts = [g.Unsqueeze(each, g.ints([0])) for each in tensors]
    return parts[0] if len(parts) == 1 else g.Concat(*parts, axis=0)


def _features(g: OnnxBuilder, value: OnnxValue, directions: int) -> OnnxValue:
    """[T, directions, N, hidden] -> [T, N, directions*hidden]."""
    if directions == 1:
        return g.Squeeze(value, g.ints([1]))
    return g.Reshape(g.Transpose(value, perm=[0, 2, 1, 3]), g.ints([0, 0, -1]))


def _batch_first(g: OnnxBuilder, value: OnnxValue, directions: int) -> OnnxValue:
    """[T, directions, N, hidden] -> [N, T, directions*hidden]."""
    if directions == 1:
        return g.Transpose(g.Squeeze(value, g.ints([1])), perm=[1, 0, 2])
    return g.Reshape(g.Transpose(value, perm=[2, 0, 1, 3]), g.ints([0, 0, -1]))


def _joined(g: OnnxBuilder, states: Sequence[OnnxValue]) -> OnnxValue:
    """[directions, N, size] of each layer -> [N, layers*directions, size]."""
    joined = states[0] if len(states) == 1 else g.Concat(*states, axis=0)
    return g.Transpose(joined, perm=[1, 0, 2])


def _side_by_side(g: OnnxBuilder, state: OnnxValue, directions: int) -> OnnxValue:
    """[directions, N, size] -> [N, directions*size]."""
    if directions == 1:
        return g.Squeeze(state, g.ints([0]))
    return g.Reshape(g.Transpose(state, perm=[1, 0, 2]), g.ints([0, -1]))


def _projected(
    g: OnnxBuilder, cell: Cell, input: OnnxValue, directions: Sequence[Weights], starts: Sequence[OnnxValue | None],
    lengths: OnnxValue | None,
) -> tuple[OnnxValue, ...]:  # fmt: skip
    """A layer of an LSTM whose h is a linear map of what the gates give: a Scan for each direction."""
    count, found = len(directions), []
    inside = None if lengths is None else _inside(g, input, lengths)
    for index, weights in enumerate(directions):
        states = [_part(g, start, index, count) for start in starts]
        found.append(_projected_direction(g, cell, input, weights, states, inside, reverse=index == 1))
    h, c, sequence = zip(*found, strict=True)
    return _along(g, sequence, 1), _along(g, h, 0), _along(g, c, 0)


def _projected_direction(
    g: OnnxBuilder, cell: Cell, input: OnnxValue, weights: Weights, states: Sequence[OnnxValue],
    inside: OnnxValue | None, *, reverse: bool,
) -> tuple[OnnxValue, ...]:  # fmt: skip
    w, r, b_ih, b_hh, projection = weights
    mapped = g.MatMul(input, g.Transpose(w, perm=[1, 0]))
    mapped = mapped if b_ih is None else g.Add(mapped, g.Add(b_ih, b_hh))
    turned, narrowed = g.Transpose(r, perm=[1, 0]), g.Transpose(projection, perm=[1, 0])

    def step(h: OnnxValue, c: OnnxValue, x: OnnxValue, valid: OnnxValue | None = None) -> tuple[OnnxValue, ...]:
        gates = g.Add(x, g.MatMul(h, turned))
        i, f, n, o = g.call("Split", gates, g.ints([cell.hidden_size] * 4), outputs=4, axis=1)
        new_c = g.Add(g.Mul(g.Sigmoid(f), c), g.Mul(g.Sigmoid(i), g.Tanh(n)))
        new_h = g.MatMul(g.Mul(g.Sigmoid(o), g.Tanh(new_c)), narrowed)
        if valid is None:
            return new_h, new_c, g.Identity(new_h)
        return g.Where(valid, new_h, h), g.Where(valid, new_c, c), g.Where(valid, new_h, g.Sub(h, h))

    sequences = [mapped] if inside is None else [mapped, inside]
    return g.scan(step, states, sequences, axes=[0] * len(sequences), axis=0, reverse=reverse)


def _inside(g: OnnxBuilder, input: OnnxValue, lengths: OnnxValue) -> OnnxValue:
    """[T, N, 1]: whether a step is one of the sample's own."""
    steps = g.Range(*(g.Squeeze(each) for each in (g.ints([0]), g.Shape(input, start=0, end=1), g.ints([1]))))
    own = g.Unsqueeze(g.cast(lengths, DType.INT64), g.ints([1]))
    return g.Less(g.Unsqueeze(steps, g.ints([1, 2])), own)


def _zeros(g: OnnxBuilder, input: OnnxValue, num: int, size: int, like: OnnxValue) -> OnnxValue:
    """[N, num, size]."""
    shape = g.Concat(g.Shape(input, start=0, end=1), g.ints([num, size]), axis=0)
    return g.Expand(g.scalar(0, like=like), shape)


def _part(g: OnnxBuilder, state: OnnxValue | None, index: int, count: int) -> OnnxValue:
    """[directions, N, size] -> [N, size] of one direction."""
    if count == 1:
        return g.Squeeze(state, g.ints([0]))
    return g.Gather(state, g.constant(index, DType.INT64), axis=0)


def _along(g: OnnxBuilder, values: Sequence[OnnxValue], axis: int) -> OnnxValue:
    parts = [g.Unsqueeze(each, g.ints([axis])) for each in values]
    return parts[0] if len(parts) == 1 else g.Concat(*parts, axis=axis)
