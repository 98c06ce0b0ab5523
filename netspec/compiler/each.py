"""`each: T`: a layer of any kind applied to every element of an axis, with the same weights, as one batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from netspec.compiler.explain import labels
from netspec.compiler.fixed import with_numbers
from netspec.compiler.limits import MAX_ELEMENTS, is_too_large
from netspec.compiler.resolve import Read, Reading
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.session import Session
from netspec.diagnostics import Report
from netspec.ir import Node, Value
from netspec.ir.graph import MARK
from netspec.lang.document import LayerDecl
from netspec.ops.axes import resolve_axis
from netspec.ops.base import Op, OpError

Place = Callable[[Reading], None]


def place_each(
    session: Session, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading, place: Place
) -> None:
    """Fold the axis of what the layer reads into the batch, place the layer, and unfold what it gives."""
    assert decl.each is not None
    report = session.at(entry.path, body.origin)
    reads = list(reading.values() if isinstance(reading, Mapping) else reading or ())
    if not reads:
        place(reading)
        return
    each = _Each(session, body, decl, entry, env, report)
    folded = each.folded(reads)
    if folded is None:
        return
    place(dict(zip(reading, folded, strict=True)) if isinstance(reading, Mapping) else tuple(folded))
    found = [each.unfolded(value, index) for index, value in enumerate(entry.outputs)]
    unfolded = tuple(value for value in found if value is not None)
    entry.outputs = unfolded if len(unfolded) == len(found) else ()


class _Each:
    def __init__(self, session: Session, body: Body, decl: LayerDecl, entry: Entry, env: Env, report: Report) -> None:
        self._session = session
        self._body = body
        self._decl = decl
        self._entry = entry
        self._fixed = env.fixed
        self._report = report
        self._whole: Value | None = None
        self._axis = 0

    def folded(self, reads: list[Read]) -> list[Read] | None:
        """What is read, with the axis in the batch: of what has not got it, the same for each element."""
        from netspec.ops.each import Fold, Spread  # few specs have `each`

        assert self._decl.each is not None
        ops: list[Op | None] = [self._fold(Fold, read) for read in reads]
        whole = next((index for index, op in enumerate(ops) if op is not None), None)
        if whole is None:
            self._refuse(reads)
            return None
        first = ops[whole]
        assert isinstance(first, Fold)
        self._whole, self._axis = reads[whole].value, first.axis(reads[whole].value.type)
        found = []
        for index, (read, op) in enumerate(zip(reads, ops, strict=True)):
            if op is None and not read.value.type.batched:
                found.append(read)
                continue
            inputs = (read.value,) if op is not None else (read.value, self._whole)
            value = self._node(f"in{index}", op or Spread(dim=self._axis), inputs, read)
            if value is None:
                return None
            found.append(replace(read, value=value))
        return found

    def unfolded(self, value: Value, index: int) -> Value | None:
        """What the layer gives, with the axis again; None, and a report, where it has no elements."""
        from netspec.ops.each import Unfold

        assert self._whole is not None
        inner = self._renamed(value)
        name = f"each{index}" if index else "each"
        op = Unfold(dim=self._axis)
        return self._node(name, op, (inner, self._whole), None, called=value.name if inner is not value else None)

    def _fold(self, kind: type[Any], read: Read) -> Op | None:
        """None where the value has not got the axis."""
        assert self._decl.each is not None
        word = self._decl.each.value
        op: Op = kind(dim=word if isinstance(word, int) else self._decl.each.text)
        try:
            op = with_numbers(op, self._fixed, [read.value.type])
            resolve_axis("each", op.dim, read.value.type.shape)  # type: ignore[attr-defined]
        except OpError:
            return None
        return op

    def _refuse(self, reads: list[Read]) -> None:
        assert self._decl.each is not None
        types = ", ".join(str(read.value.type) for read in reads)
        message = f"`each: {self._decl.each.text}` names an axis of what the layer reads, which is {types}"
        found = [label for read in reads for label in labels(self._session, read)]
        self._report.error("wrong-inputs", message, self._decl.each.span, labels=found)

    def _node(
        self, name: str, op: Op, inputs: tuple[Value, ...], read: Read | None, called: str | None = None
    ) -> Value | None:
        try:
            [type] = op.infer_all(*(value.type for value in inputs))
            if is_too_large(type):
                message = f"`each` would give {type}; the limit is {MAX_ELEMENTS:,} elements a sample"
                raise OpError(message, code="too-large")
        except OpError as error:
            assert self._decl.each is not None
            found = labels(self._session, read) if read is not None else ()
            self._report.error(error.code, str(error), self._decl.each.span, labels=found, help=error.help)
            return None
        path = f"{self._entry.path}{MARK}{name}"
        value = Value(called or path, type)
        self._body.nodes.append(Node(path, op, inputs, (value,), self._decl.span, self._body.origin))
        self._session.spans[value.name] = self._decl.key.span
        self._session.reads[value.name] = tuple(each.name for each in inputs)
        return value

    def _renamed(self, value: Value) -> Value:
        """The element's value hands its name on to that of the axis."""
        last = self._body.nodes[-1 if not self._is_unfold(-1) else self._last_layer()]
        if not isinstance(last, Node) or value not in last.outputs:
            return value
        inner = Value(f"{value.name}{MARK}element", value.type)
        outputs = tuple(inner if each is value else each for each in last.outputs)
        self._body.nodes[self._body.nodes.index(last)] = replace(last, outputs=outputs)
        return inner

    def _is_unfold(self, index: int) -> bool:
        node = self._body.nodes[index]
        return isinstance(node, Node) and node.path.startswith(f"{self._entry.path}{MARK}each")

    def _last_layer(self) -> int:
        return next(index for index in range(-1, -len(self._body.nodes) - 1, -1) if not self._is_unfold(index))
