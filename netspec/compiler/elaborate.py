"""Document + ops -> graph: names are resolved, attributes validated, shapes inferred, in one walk.

A layer may read `in_channels`, so shapes must be known as it is elaborated. What fails is reported once; whatever
depends on it stays silent, so that one run reports all mistakes and each only once.
"""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

from netspec.compiler.limits import check_size
from netspec.compiler.resolve import resolve
from netspec.compiler.scope import Body, Entry
from netspec.diagnostics import Label, Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import DType, Graph, Node, TensorType, Value
from netspec.ir.graph import Frame
from netspec.lang.bind import bind
from netspec.lang.document import Document, InputDecl, LayerDecl, Reference
from netspec.lang.nodes import Mapping, Scalar, Sequence, shorten
from netspec.lang.structure import STRUCTURAL
from netspec.ops.base import Op, OpError
from netspec.ops.registry import lookup, ops

MAX_SIZE = 2**31 - 1


def elaborate(document: Document, report: Report) -> Graph | None:
    """The typed graph of a document, or None where `report` has errors that leave none."""
    return _Elaborator(document, report).graph()


class _Elaborator:
    def __init__(self, document: Document, report: Report) -> None:
        self._document = document
        self._report = report
        self._root = Body(path=document.name)
        # Where values come from, by name: a captured value keeps its name.
        self._spans: dict[str, Span] = {}

    def graph(self) -> Graph | None:
        inputs = self._inputs()
        last = self._chain(self._root, self._document.layers, prefix="")
        names, outputs = self._outputs(last)
        if self._report.has_errors:
            return None
        self._warn_unread(self._root, last)
        return self._root.freeze(inputs, outputs, names)

    def _inputs(self) -> tuple[Value, ...]:
        for name, decl in self._document.inputs.items():
            type = self._input_type(decl) if decl else None
            span = decl.name.span if decl else None
            values = (Value(name, type),) if type else ()
            if span is not None:
                self._spans[name] = span
            self._root.entries[name] = Entry(name, name, span, values, is_read=True)
        entries = list(self._root.entries.values())
        if len(entries) == 1 and entries[0].outputs:
            self._root.input = entries[0].outputs[0]
        return tuple(value for entry in entries for value in entry.outputs)

    def _input_type(self, decl: InputDecl) -> TensorType | None:
        sizes: list[int] = []
        for item in decl.shape:
            if not isinstance(item, Scalar) or type(item.value) is not int:
                symbol = isinstance(item, Scalar) and item.text.isidentifier()
                code = "not-supported" if symbol else "wrong-type"
                what = f"the symbolic size `{item.span.text}`" if symbol else f"`{shorten(item.span.text)}`"
                why = "this release reads numbers only" if symbol else "a size is a positive integer"
                self._report.error(code, f"{what} in a shape: {why}", item.span)
            elif not 0 < item.value <= MAX_SIZE:
                self._report.error("wrong-value", f"a size is from 1 to {MAX_SIZE}, got {item.text}", item.span)
            else:
                sizes.append(item.value)
        dtype = self._dtype(decl.dtype)
        return TensorType(tuple(sizes), dtype) if dtype and len(sizes) == len(decl.shape) else None

    def _dtype(self, node: Scalar | None) -> DType | None:
        if node is None:
            return DType.FLOAT32
        known = [dtype.value for dtype in DType]
        if node.text in known:
            return DType(node.text)
        message = f"no element type is called `{shorten(node.text)}`"
        self._report.error("wrong-value", message, node.span, help=did_you_mean(node.text, known))
        return None

    def _chain(self, body: Body, layers: SequenceOf[LayerDecl | None], prefix: str) -> Entry | None:
        """Elaborate a chain's layers into `body`; the entry of the last one."""
        names = [layer.name.text if layer and layer.name else str(i) for i, layer in enumerate(layers)]
        self._declare(body, layers, names)
        previous: Entry | None = None
        for name, layer in zip(names, layers, strict=True):
            entry = Entry(name, prefix + name, layer.key.span if layer else None)
            if layer is not None:
                self._layer(body, layer, entry, previous)
            body.entries.setdefault(name, entry)
            previous = entry
        return previous

    def _declare(self, body: Body, layers: SequenceOf[LayerDecl | None], names: list[str]) -> None:
        for name, layer in zip(names, layers, strict=True):
            span = layer.name.span if layer and layer.name else layer.key.span if layer else None
            first = body.declared.get(name)
            if name in body.declared and span is not None:
                notes = [f"first at line {first.line}"] if first else []
                self._report.error("duplicate-name", f"two layers here are called `{name}`", span, notes=notes)
            elif body.parent is None and name in body.entries and span is not None:
                self._report.error("duplicate-name", f"an input is called `{name}` too", span)
            body.declared.setdefault(name, span)

    def _layer(self, body: Body, layer: LayerDecl, entry: Entry, previous: Entry | None) -> None:
        if layer.body is not None:
            self._sequence(body, layer, entry, previous)
            return
        op_class = self._op_class(layer)
        inputs = self._read(body, layer, op_class, previous)
        if op_class is None:
            return
        op = self._op(op_class, layer, inputs)
        if op is None or inputs is None:
            return
        types = self._infer(op, layer, inputs, body.origin)
        if types is None:
            return
        plural = len(types) > 1
        values = tuple(Value(f"{entry.path}.{i}" if plural else entry.path, type) for i, type in enumerate(types))
        body.nodes.append(Node(entry.path, op, inputs, values, layer.span, body.origin))
        self._spans.update((value.name, layer.key.span) for value in values)
        entry.outputs = values
        entry.output_names = tuple(str(i) for i in range(len(values))) if plural else ()

    def _sequence(self, body: Body, layer: LayerDecl, entry: Entry, previous: Entry | None) -> None:
        frame = Frame(f"in the sequence `{entry.path}`", layer.key.span)
        inner = Body(entry.path, body, layer.span, (*body.origin, frame))
        inputs = self._read(body, layer, None, previous)
        if inputs is not None and len(inputs) > 1:
            assert layer.reads_span is not None
            self._report.error("wrong-inputs", f"a sequence reads one layer, got {len(inputs)}", layer.reads_span)
        elif inputs:
            inner.input = inner.capture(inputs[0], body)
        entry.body = inner
        body.nodes.append(inner)
        last = self._chain(inner, layer.body or (), prefix=f"{entry.path}.")
        if last is not None and last.outputs:
            last.is_read = True
            entry.outputs = (inner.export(last.outputs[0], body),)

    def _op_class(self, layer: LayerDecl) -> type[Op] | None:
        key = layer.key
        found = lookup(key.text)
        if found is not None:
            return found
        if key.text in STRUCTURAL:
            message = f"`{key.text}` is part of the language, but this release does not read it yet"
            self._report.error("not-supported", message, key.span)
            return None
        help = did_you_mean(key.text, [*ops(), *STRUCTURAL])
        self._report.error("unknown-op", f"no op is called `{shorten(key.text)}`", key.span, help=help)
        return None

    def _read(
        self, body: Body, layer: LayerDecl, op_class: type[Op] | None, previous: Entry | None
    ) -> tuple[Value, ...] | None:
        """The values that a layer reads, in order of the op's ports; None where one of them failed."""
        if layer.reads is None:
            return self._implicit(body, layer, previous)
        references = self._by_port(layer, op_class)
        if references is None:
            return None
        found = [resolve(reference, body, self._report) for reference in references]
        return None if None in found else tuple(value for value in found if value is not None)

    def _implicit(self, body: Body, layer: LayerDecl, previous: Entry | None) -> tuple[Value, ...] | None:
        if previous is not None:
            previous.is_read = True
            return previous.outputs[:1] or None
        if body.input is not None:
            return (body.input,)
        if body.parent is None and len(self._document.inputs) > 1:
            names = ", ".join(f"`{name}`" for name in self._document.inputs)
            message = f"with several inputs ({names}) the first layer says `from`"
            self._report.error("wrong-inputs", message, layer.key.span)
        return None

    def _by_port(self, layer: LayerDecl, op_class: type[Op] | None) -> tuple[Reference, ...] | None:
        if isinstance(layer.reads, tuple):
            return layer.reads
        assert layer.reads is not None
        ports = op_class.ports() if op_class else ()
        if set(layer.reads) == set(ports) or op_class is None:
            return tuple(layer.reads[port] for port in ports)
        expected = ", ".join(f"`{port}`" for port in ports) or "a list"
        message = f"`{layer.key.text}` reads {expected}, got {', '.join(f'`{port}`' for port in layer.reads)}"
        self._report.error("wrong-inputs", message, layer.reads_span)
        return None

    def _op(self, op_class: type[Op], layer: LayerDecl, inputs: tuple[Value, ...] | None) -> Op | None:
        names: dict[str, object] = {}
        if inputs:
            shape = inputs[0].type.shape
            names = {"in_channels": shape[0], "in_features": shape[-1]} if shape else {}
        elif inputs is None and layer.argument is not None and "=" in layer.argument.span.text:
            return None  # an expression may ask for the size of what failed
        span, what, main = layer.key.span, f"`{op_class.name}`", op_class.main()
        return bind(op_class, layer.argument, self._report, span=span, what=what, main=main, names=names)

    def _infer(
        self, op: Op, layer: LayerDecl, inputs: tuple[Value, ...], origin: tuple[Frame, ...]
    ) -> tuple[TensorType, ...] | None:
        if not (op.is_variadic() or len(inputs) == len(op.ports())):
            needed = f"{len(op.ports())} inputs ({', '.join(op.ports())})" if len(op.ports()) != 1 else "1 input"
            message = f"`{op.name}` reads {needed}, got {len(inputs)}"
            self._report.error("wrong-inputs", message, layer.reads_span or layer.key.span)
            return None
        labels = [Label(f"{value.name}  {value.type}", self._spans.get(value.name)) for value in inputs]
        wrong = next((value for value in inputs if value.type.dtype not in op.dtypes), None)
        if wrong is not None:
            known = " or ".join(sorted(dtype.value for dtype in op.dtypes))
            message = f"`{op.name}` takes {known}, but `{wrong.name}` is {wrong.type.dtype}"
            self._report.error("dtype-mismatch", message, layer.key.span, labels=labels)
            return None
        try:
            types = op.infer_all(*(value.type for value in inputs))
            check_size(op, [value.type for value in inputs], types)
        except OpError as error:
            span = _attribute_span(layer, error.attr) or layer.key.span
            notes = [f"{frame.text} at line {frame.span.line}" if frame.span else frame.text for frame in origin]
            self._report.error(error.code, str(error), span, labels=labels, notes=notes, help=error.help)
            return None
        return types

    def _outputs(self, last: Entry | None) -> tuple[tuple[str, ...], tuple[Value, ...]]:
        declared = self._document.outputs
        if declared is None:
            if last is None or not last.outputs:
                return (), ()
            return (last.path,), last.outputs[:1]
        found = {name: resolve(reference, self._root, self._report) for name, reference in declared.items()}
        named = {name: value for name, value in found.items() if value is not None}
        return tuple(named), tuple(named.values())

    def _warn_unread(self, body: Body, last: Entry | None) -> None:
        for entry in body.entries.values():
            if entry.body is not None:
                inner = entry.body.entries.values()
                self._warn_unread(entry.body, list(inner)[-1] if inner else None)
            is_output = entry is last and (body.parent is not None or self._document.outputs is None)
            if not entry.is_read and not is_output:
                message = f"nobody reads the layer `{entry.path}`"
                self._report.warning("unused-layer", message, entry.span, help="read it with `from`, or delete it")


def _attribute_span(layer: LayerDecl, attr: str | None) -> Span | None:
    """The place of an attribute's value, where the layer gives it one."""
    if attr is not None and isinstance(layer.argument, Mapping) and attr in layer.argument:
        return layer.argument.entries[attr][1].span
    return layer.argument.span if attr is not None and isinstance(layer.argument, Scalar | Sequence) else None
