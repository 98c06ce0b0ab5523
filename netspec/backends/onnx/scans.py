"""Scans as ONNX Scan nodes, whose bodies hold the layers of a cell under their own names."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np

from netspec.backends.onnx.builder import Builder, OnnxHandle
from netspec.ir import DType, Graph, Scan, Slot, TensorType, Value
from netspec.ir.cells import Fused, Gates, Piece, Sum
from netspec.ops.lowering import OnnxValue
from netspec.ops.recurrent_onnx import cell_of, run_node


class ScanLowering:
    """Lowers one scan: `known` are the values so far, and `lower` adds the nodes of a graph to the builder."""

    def __init__(
        self, scan: Scan, builder: Builder, known: dict[Value, OnnxHandle], lower: Callable[[Graph], None],
        state: Mapping[str, np.ndarray[Any, Any]],
    ) -> None:  # fmt: skip
        self._scan = scan
        self._builder = builder
        self._known = known
        self._lower = lower
        self._state = state

    def results(self) -> list[OnnxHandle]:
        """Add the nodes; the handles of the scan's outputs."""
        scan, g = self._scan, self._builder
        g.start(scan.path)
        if scan.fused is not None:
            return self._fused(scan.fused)
        starts: dict[Value, OnnxValue] = {}
        sequences: dict[Value, tuple[OnnxValue, int]] = {}
        for slot, inside, outside in scan.reads():
            value = None if outside is None else self._stretched(outside, inside)
            if slot.state is not None:
                starts[inside] = value or (
                    self._zeros(inside) if slot.start is None else self._learned(inside, slot.start.outputs[0])
                )
            elif slot.axis is not None and value is not None:
                sequences[inside] = value, slot.axis
            elif value is not None:
                self._enter(inside, value)
        return self._once(starts) if scan.is_single else self._loop(starts, sequences)

    def _fused(self, fused: Fused) -> list[OnnxHandle]:
        """ONNX's own layer, which ends at each sample's length; states that start at zero are left out."""
        scan, g = self._scan, self._builder
        reads = dict(enumerate(scan.reads()))
        outside = reads[fused.input][2]
        assert outside is not None
        input = g.Transpose(self._stretched(outside, scan.body.inputs[fused.input]), perm=[1, 0, 2])
        starts = [self._first_value(*reads[place]) for place in fused.states]
        matrices = self._rows(fused.weight_ih, fused), self._rows(fused.weight_hh, fused)
        biases = [self._rows(each, fused) if fused.has_biases else None for each in (fused.bias_ih, fused.bias_hh)]
        cell = cell_of(fused.kind, fused.hidden_size)
        lengths = None if fused.mask is None else self._lengths(reads[fused.mask][2])
        found = run_node(g, cell, input, [(*matrices, *biases, None)], starts, lengths, reverse=scan.reverse)
        sequence = g.Transpose(g.Squeeze(found[0], g.ints([1])), perm=[1, 0, 2])
        emitted = [sequence] * (len(scan.body.outputs) - len(fused.states))
        finals = dict(zip(fused.states, found[1:], strict=True))
        return [*emitted, *(g.Squeeze(finals[place], g.ints([0])) for place in sorted(finals))]

    def _lengths(self, mask: Value | None) -> OnnxValue:
        """[N], int32: how many steps are each sample's own."""
        g = self._builder
        assert mask is not None
        return g.ReduceSum(g.cast(self._known[mask], DType.INT32), g.ints([1]), keepdims=0)

    def _first_value(self, slot: Slot, inside: Value, outside: Value | None) -> OnnxValue | None:
        """[1, N, size], or nothing where a state starts at zero."""
        value = None if outside is None else self._stretched(outside, inside)
        value = self._learned(inside, slot.start.outputs[0]) if slot.start is not None else value
        return None if value is None else self._builder.Unsqueeze(value, self._builder.ints([0]))

    def _rows(self, gates: Gates, fused: Fused) -> OnnxValue:
        """The rows of all gates, in PyTorch's order."""
        parts = [self._sum(gate, fused.hidden_size) for gate in gates]
        return parts[0] if len(parts) == 1 else self._builder.Concat(*parts, axis=0)

    def _sum(self, parts: Sum, size: int) -> OnnxValue:
        number = sum(each for each in parts if not isinstance(each, Piece))
        pieces = [self._piece(each) for each in parts if isinstance(each, Piece)]
        if number or not pieces:
            pieces.append(self._builder.constant([number] * size, DType.FLOAT32))
        return reduce(self._builder.Add, pieces)

    def _piece(self, piece: Piece) -> OnnxValue:
        g = self._builder
        ranges = [piece.rows, *([piece.columns] if piece.columns is not None else [])]
        own: OnnxValue = g.initializer(piece.key, self._state[piece.key])
        starts, ends = zip(*ranges, strict=True)
        if (starts, ends) != ((0,) * len(ranges), piece.shape):
            own = g.Slice(own, g.ints(starts), g.ints(ends), g.ints(range(len(ranges))))
        return own if piece.factor == 1 else g.Mul(own, g.constant(piece.factor, DType.FLOAT32))

    def _once(self, starts: dict[Value, OnnxValue]) -> list[OnnxHandle]:
        for inside, value in starts.items():
            self._enter(inside, value)
        self._lower(self._scan.body)
        self._builder.start(self._scan.path)
        return [self._known[value] for value in self._scan.body.outputs]

    def _loop(self, starts: dict[Value, OnnxValue], sequences: dict[Value, tuple[OnnxValue, int]]) -> list[OnnxHandle]:
        scan, g = self._scan, self._builder
        given, axes = [value for value, _ in sequences.values()], [axis for _, axis in sequences.values()]
        if not given:  # a Scan walks along something
            assert isinstance(scan.steps, int)
            given, axes = [g.ints(range(scan.steps))], [0]

        def step(*values: OnnxHandle) -> tuple[OnnxValue, ...]:
            for inside, value in zip((*starts, *sequences), values, strict=False):
                self._enter(inside, value)
            self._lower(scan.body)
            g.start(f"{scan.path}/step")
            return tuple(g.Identity(self._known[value]) for value in scan.body.outputs)

        found = g.scan(step, [*starts.values()], given, axes=axes, reverse=scan.reverse)
        return [*found[len(starts) :], *found[: len(starts)]]

    def _enter(self, inside: Value, value: Any) -> None:
        self._known[inside] = OnnxHandle(value.name, inside.type)

    def _stretched(self, outside: Value, inside: Value) -> OnnxValue:
        """What is read, repeated where it is the same for every sample and the body takes one for each."""
        value = self._known[outside]
        if outside.type.batched or not inside.type.batched:
            return value
        shape = self._builder.Concat(self._batch(), self._builder.ints([1] * outside.type.rank), axis=0)
        return self._builder.Expand(value, shape) if outside.type.rank else self._builder.Expand(value, self._batch())

    def _zeros(self, state: Value) -> OnnxValue:
        zero = self._builder.constant(0, state.type.dtype)
        return self._builder.Expand(zero, self._shape(state.type))

    def _learned(self, state: Value, stored: Value) -> OnnxValue:
        return self._builder.Expand(self._known[stored], self._shape(state.type))

    def _shape(self, type: TensorType) -> OnnxValue:
        """[N, *shape], its formulas read off what the scan reads."""
        g, reads = self._builder, [self._known[value] for value in self._scan.inputs]
        sizes = (
            g.sizes(type.shape, reads[0])
            if reads and type.shape
            else g.ints([size for size in type.shape if isinstance(size, int)])
        )
        return g.Concat(self._batch(), sizes, axis=0) if type.shape else self._batch()

    def _batch(self) -> OnnxValue:
        batched = [value for value in self._scan.inputs if value.type.batched] or self._scan.inputs
        if not batched:
            return self._builder.ints([1])
        return self._builder.Shape(self._known[batched[0]], start=0, end=1)
