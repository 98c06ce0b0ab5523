"""One layer that is an op: its inputs by port, its attributes, its types, its node."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from netspec.compiler.explain import labels, trace
from netspec.compiler.fixed import with_numbers
from netspec.compiler.limits import check_size
from netspec.compiler.resolve import Read, Reading
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.session import Session
from netspec.compiler.values import arithmetic, sees
from netspec.diagnostics import Label, Report, Span
from netspec.ir import DType, Init, Node, Presence, TensorType, Value
from netspec.lang.bind import bind
from netspec.lang.document import Document, LayerDecl
from netspec.lang.nodes import Mapping as MappingNode
from netspec.lang.nodes import Scalar
from netspec.lang.nodes import Sequence as SequenceNode
from netspec.ops.base import Op, OpError
from netspec.ops.sizes import readings


def place_op(
    session: Session, body: Body, decl: LayerDecl, entry: Entry, env: Env, op_class: type[Op], reading: Reading
) -> None:
    """Make the node of an op; `entry` gets its outputs."""
    report = session.at(entry.path, body.origin)
    reads = _in_order(decl, op_class, reading, env.document, report)
    sizes = sees(reads[0].value if reads else None)
    if reads is None and decl.argument is not None and "=" in decl.argument.span.text:
        return  # an expression may ask for the size of what failed
    span, what, main = decl.key.span, f"`{op_class.name}`", op_class.main()
    names = {**env.names, **sizes}
    op = bind(op_class, decl.argument, report, span=span, what=what, main=main, names=names)
    if op is None or reads is None:
        return
    try:
        op = with_numbers(op, env.fixed, [read.value.type for read in reads])
    except OpError as error:
        _refuse(session, decl, error, reads, report)
        return
    reads = (*reads, *_sizes_elsewhere(body, op, reads))
    came_out = arithmetic(decl.argument, names)
    if came_out:
        session.arithmetic[entry.path] = ", ".join(came_out)
    make_node(session, body, decl, entry, env, op, reads, report)


def _sizes_elsewhere(body: Body, op: Op, reads: tuple[Read, ...]) -> tuple[Read, ...]:
    """The network's input that has the symbols which an op names and its own inputs lack: what its `like` reads."""
    if "like" not in op.ports()[len(reads) :]:
        return ()
    root = body
    while root.parent is not None:
        root = root.parent
    inputs = [Read(entry.outputs[0], name) for name, entry in root.entries.items() if _is_input(entry)]
    words = {word for value in op.attributes().values() for word in _words(value)} & _symbols(inputs)
    if words <= _symbols(reads):
        return ()
    found = next((read for read in inputs if words <= _symbols((read,))), None)
    return () if found is None else (replace(found, value=body.capture(found.value, root)),)


def _is_input(entry: Entry) -> bool:
    return entry.decl is None and bool(entry.outputs)


def _symbols(reads: Sequence[Read]) -> set[str]:
    """The symbols whose sizes can be read off the axes of values."""
    return {each.name for read in reads for each in readings(read.value.type.shape)}


def _words(value: object) -> Iterator[str]:
    items = value if isinstance(value, tuple) else (value,)
    return (item for item in items if isinstance(item, str))


def make_node(
    session: Session, body: Body, decl: LayerDecl, entry: Entry, env: Env, op: Op, reads: tuple[Read, ...],
    report: Report,
) -> None:  # fmt: skip
    """Make the node of an op that reads these values; `entry` gets its outputs."""
    values = tuple(read.value for read in reads)
    types = _infer(session, op, decl, reads, report)
    if types is None:
        return
    inputs = [value.type for value in values]
    owner = entry.owner or body.owner_of(entry.name)
    prefix = body.prefix
    ties = session.state.ties(decl.tie, op, inputs, prefix, report) if decl.tie is not None else {}
    init = _initial(session, body, decl, entry, env, op, inputs, report)
    if ties is None or init is None:
        return
    names = op.output_names or (tuple(map(str, range(len(types)))) if len(types) > 1 else ())
    outputs = values_of(entry.path, names, types)
    node = Node(
        entry.path, op, values, outputs, decl.span, body.origin, owner,
        ties=ties, init=init, frozen=decl.freeze or body.is_frozen,
    )  # fmt: skip
    if decl.only_train:
        node = replace(node, presence=presence(decl, entry, body, outputs, values))
    session.budget.spend(node, decl.key.span, report)
    if not session.state.keep(replace(node, span=decl.key.span), report):
        return
    body.nodes.append(node)
    entry.presence = node.presence
    session.spans |= {value.name: decl.key.span for value in outputs}
    session.reads |= {value.name: tuple(each.name for each in values) for value in outputs}
    entry.outputs = outputs
    entry.output_names = names


def values_of(path: str, names: tuple[str, ...], types: Sequence[TensorType]) -> tuple[Value, ...]:
    """The values of a layer; of several outputs that have names of their own, the first has the layer's."""
    if not names:
        return (Value(path, types[0]),)
    called = [path if i == 0 and not name.isdecimal() else f"{path}.{name}" for i, name in enumerate(names)]
    return tuple(Value(name, type) for name, type in zip(called, types, strict=True))


def _initial(
    session: Session, body: Body, decl: LayerDecl, entry: Entry, env: Env, op: Op, types: list[TensorType],
    report: Report,
) -> Mapping[str, tuple[Init, ...]] | None:  # fmt: skip
    if decl.init is None and not body.inits and not session.inits:
        return {}
    from netspec.compiler.initials import initial  # most specs have no rules, and need none of it

    return initial(session, body, decl, entry, env, op, types, report)


def presence(decl: LayerDecl, entry: Entry, body: Body, outputs: Sequence[Value], reads: Sequence[Value]) -> Presence:
    """How a layer exists: one for training only that cannot be passed by, or that is an output, is a head."""
    if not decl.only_train:
        return "always"
    declared = body.env.document.outputs if body.parent is None else None
    is_output = declared is not None and any(
        reference.text.partition(".")[0] == entry.name for reference in declared.values()
    )
    fits = bool(reads) and len(outputs) == 1 and outputs[0].type == reads[0].type
    return "pass" if fits and not is_output else "head"


def _in_order(
    decl: LayerDecl, op_class: type[Op], reading: Reading, document: Document, report: Report
) -> tuple[Read, ...] | None:
    """The values that an op reads, in order of its ports."""
    if op_class.is_source() and decl.reads is None:
        return ()
    if not op_class.ports() and not op_class.is_variadic():
        report.error("wrong-inputs", f"`{op_class.name}` reads nothing", decl.reads_span)
        return None
    if reading is None:
        return None
    if isinstance(reading, tuple):
        if reading:
            return reading if decl.reads is not None else reading[:1]
        names = ", ".join(f"`{name}`" for name in document.inputs)
        message = f"with several inputs ({names}) the first layer says `from`"
        report.error("wrong-inputs", message, decl.key.span)
        return None
    ports = op_class.ports()
    known = [port for port in ports if port in reading]
    is_whole = len(known) == len(reading) and set(op_class.required_ports()) <= set(known)
    if is_whole and known == list(ports[: len(known)]):
        return tuple(reading[port] for port in known)
    expected = ", ".join(f"`{port}`" for port in ports) or "a list"
    message = f"`{decl.key.text}` reads {expected}, got {', '.join(f'`{port}`' for port in reading)}"
    report.error("wrong-inputs", message, decl.reads_span)
    return None


def _infer(
    session: Session, op: Op, decl: LayerDecl, reads: tuple[Read, ...], report: Report
) -> tuple[TensorType, ...] | None:
    least, most = len(op.required_ports()), len(op.ports())
    if not op.is_variadic() and not least <= len(reads) <= most:
        needed = f"{most} inputs ({', '.join(op.ports())})" if most != 1 else "1 input"
        message = f"`{op.name}` reads {needed}, got {len(reads)}"
        report.error("wrong-inputs", message, decl.reads_span or decl.key.span)
        return None
    types = [read.value.type for read in reads]
    wrong = next((read for read in reads if read.value.type.dtype not in op.dtypes), None)
    if wrong is not None:
        known = " or ".join(sorted(dtype.value for dtype in op.dtypes))
        message = f"`{op.name}` takes {known}, but `{wrong.name}` is {wrong.value.type.dtype}"
        floats = (
            "`embedding` makes vectors of indices" if wrong.value.type.below else "`to: float32` makes floats of it"
        )
        help = floats if DType.FLOAT32 in op.dtypes else None
        report.error("dtype-mismatch", message, decl.key.span, labels=_labels(session, reads), help=help)
        return None
    try:
        found = op.infer_all(*types)
        check_size(op, types, found)
    except OpError as error:
        _refuse(session, decl, error, reads, report)
        return None
    return found


def _refuse(session: Session, decl: LayerDecl, error: OpError, reads: tuple[Read, ...], report: Report) -> None:
    span = _attribute_span(decl, error.attr) or decl.key.span
    report.error(error.code, str(error), span, labels=_labels(session, reads), help=error.help or trace(reads))


def _labels(session: Session, reads: tuple[Read, ...]) -> list[Label]:
    return [label for read in reads for label in labels(session, read)]


def _attribute_span(decl: LayerDecl, attr: str | None) -> Span | None:
    """The place of an attribute's value, where the layer gives it one."""
    if attr is not None and isinstance(decl.argument, MappingNode) and attr in decl.argument:
        return decl.argument.entries[attr][1].span
    return decl.argument.span if attr is not None and isinstance(decl.argument, Scalar | SequenceNode) else None
