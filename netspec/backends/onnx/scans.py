"""Scans as ONNX Scan nodes, whose bodies hold the layers of a cell under their own names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from netspec.backends.onnx.builder import Builder, OnnxHandle
from netspec.ir import Graph, Scan, TensorType, Value
from netspec.ops.lowering import OnnxValue


class ScanLowering:
    """Lowers one scan: `known` are the values so far, and `lower` adds the nodes of a graph to the builder."""

    def __init__(
        self, scan: Scan, builder: Builder, known: dict[Value, OnnxHandle], lower: Callable[[Graph], None]
    ) -> None:
        self._scan = scan
        self._builder = builder
        self._known = known
        self._lower = lower

    def results(self) -> list[OnnxHandle]:
        """Add the nodes; the handles of the scan's outputs."""
        scan, g = self._scan, self._builder
        g.start(scan.path)
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
