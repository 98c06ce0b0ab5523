"""One layer that is an op: its inputs by port, its attributes, its types, its node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from netspec.compiler.explain import labels, trace
from netspec.compiler.limits import check_size
from netspec.compiler.resolve import Read, Reading, home_of, resolve
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.session import Session
from netspec.compiler.values import arithmetic, sees
from netspec.diagnostics import Label, Report, Span
from netspec.ir import Init, Node, Presence, TensorType, Value
from netspec.lang.bind import bind
from netspec.lang.document import Document, LayerDecl, Reference
from netspec.lang.expressions import ExpressionError
from netspec.lang.nodes import Mapping as MappingNode
from netspec.lang.nodes import Scalar, describe
from netspec.lang.nodes import Sequence as SequenceNode
from netspec.lang.tokens import tokens
from netspec.ops.base import Op, OpError


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
    came_out = arithmetic(decl.argument, names)
    if came_out:
        session.arithmetic[entry.path] = ", ".join(came_out)
    _node(session, body, decl, entry, env, op, reads, report)


def place_calc(session: Session, body: Body, decl: LayerDecl, entry: Entry, env: Env) -> None:
    """Make the node of a `calc`: names are layers where there are such, else arguments."""
    from netspec.ops.calc import Calc
    from netspec.ops.equation import calc_names

    report = session.at(entry.path, body.origin)
    node = decl.argument
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        found = describe(node) if node is not None else "nothing"
        report.error("wrong-type", f"`calc` takes an equation, got {found}", decl.key.span, help='calc: "a * b + c"')
        return
    start = node.span.start + node.quoted
    try:
        wanted = calc_names(node.text)
        offsets = {token.text: token.offset for token in reversed(list(tokens(node.text, dotted=True)))}
    except ExpressionError as error:
        span = Span(node.span.source, start + error.offset, start + error.offset + error.length)
        report.error("bad-expression", error.message, span, help=error.help)
        return
    values: list[Read] = []
    constants: dict[str, float] = {}
    for name in wanted:
        offset = start + offsets.get(name, 0)
        place = Span(node.span.source, offset, offset + len(name))
        if _is_layer(name, body) or name not in env.names:
            read = resolve(Reference(name, place), body, report)
            if read is None:
                return
            values.append(read)
        else:
            value = env.names[name]
            if isinstance(value, bool) or not isinstance(value, int | float):
                report.error("wrong-type", f"`{name}` in an equation is a number, got {value!r}", place)
                return
            constants[name] = value
    op = Calc.model_validate({"expression": node.text, "constants": constants})
    _node(session, body, decl, entry, env, op, tuple(values), report)


def _is_layer(name: str, body: Body) -> bool:
    head = name.partition(".")[0]
    return head == "input" or home_of(head, body) is not None


def _node(
    session: Session, body: Body, decl: LayerDecl, entry: Entry, env: Env, op: Op, reads: tuple[Read, ...],
    report: Report,
) -> None:  # fmt: skip
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
    plural = len(types) > 1
    outputs = tuple(Value(f"{entry.path}.{i}" if plural else entry.path, type) for i, type in enumerate(types))
    node = Node(
        entry.path, op, values, outputs, decl.span, body.origin, owner,
        ties=ties, init=init, frozen=decl.freeze or body.is_frozen,
    )  # fmt: skip
    node = replace(node, presence=presence(decl, entry, body, outputs, values))
    session.budget.spend(node, decl.key.span, report)
    if not session.state.keep(replace(node, span=decl.key.span), report):
        return
    body.nodes.append(node)
    entry.presence = node.presence
    session.spans |= {value.name: decl.key.span for value in outputs}
    session.reads |= {value.name: tuple(each.name for each in values) for value in outputs}
    entry.outputs = outputs
    entry.output_names = tuple(str(i) for i in range(len(outputs))) if plural else ()


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
    fits = bool(reads) and bool(outputs) and outputs[0].type == reads[0].type
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
        report.error("dtype-mismatch", message, decl.key.span, labels=_labels(session, reads))
        return None
    try:
        found = op.infer_all(*types)
        check_size(op, types, found)
    except OpError as error:
        span = _attribute_span(decl, error.attr) or decl.key.span
        help = error.help or trace(reads)
        report.error(error.code, str(error), span, labels=_labels(session, reads), help=help)
        return None
    return found


def _labels(session: Session, reads: tuple[Read, ...]) -> list[Label]:
    return [label for read in reads for label in labels(session, read)]


def _attribute_span(decl: LayerDecl, attr: str | None) -> Span | None:
    """The place of an attribute's value, where the layer gives it one."""
    if attr is not None and isinstance(decl.argument, MappingNode) and attr in decl.argument:
        return decl.argument.entries[attr][1].span
    return decl.argument.span if attr is not None and isinstance(decl.argument, Scalar | SequenceNode) else None
