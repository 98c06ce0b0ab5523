"""`calc`: an equation whose names are values and arguments in scope."""

from __future__ import annotations

from collections.abc import Mapping

from netspec.compiler.place import make_node
from netspec.compiler.resolve import Read, Reading, home_of, resolve
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.session import Session
from netspec.diagnostics import Report, Span
from netspec.lang.document import LayerDecl, Reference
from netspec.lang.expressions import ExpressionError
from netspec.lang.nodes import Scalar, describe
from netspec.lang.tokens import tokens


def place_calc(session: Session, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading) -> None:
    """Make the node of a `calc`. Its names are those that `from` gives, else layers in scope, else arguments."""
    from netspec.ops.calc import Calc

    report = session.at(entry.path, body.origin)
    node = decl.argument
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        found = describe(node) if node is not None else "nothing"
        report.error("wrong-type", f"`calc` takes an equation, got {found}", decl.key.span, help='calc: "a * b + c"')
        return
    if decl.reads is not None and not isinstance(reading, Mapping | None):
        help = "from: {a: conv1, b: fc.0}, or leave it out: names of layers are found by themselves"
        report.error("wrong-inputs", "`calc` reads what its equation names", decl.reads_span, help=help)
        return
    names = _names(node, report)
    given = reading if isinstance(reading, Mapping) else {}
    if names is None or not _all_used(decl, given, names, report):
        return
    values: list[Read] = []
    constants: dict[str, float] = {}
    for name, place in names.items():
        read = given.get(name)
        if read is None and (_is_layer(name, body) or name not in env.names):
            read = resolve(Reference(name, place), body, report)
            if read is None:
                return
        if read is not None:
            values.append(read)
        elif (number := _number(name, env, place, report)) is not None:
            constants[name] = number
        else:
            return
    op = Calc.model_validate({"expression": node.text, "constants": constants})
    make_node(session, body, decl, entry, env, op, tuple(values), report)


def _names(node: Scalar, report: Report) -> dict[str, Span] | None:
    """The names of an equation in the order of their first use, with their places; None if it cannot be read."""
    from netspec.ops.equation import calc_names

    start = node.span.start + node.quoted
    try:
        wanted = calc_names(node.text)
        offsets = {token.text: token.offset for token in reversed(list(tokens(node.text, dotted=True)))}
    except ExpressionError as error:
        span = Span(node.span.source, start + error.offset, start + error.offset + error.length)
        report.error("bad-expression", error.message, span, help=error.help)
        return None
    places = ((name, start + offsets.get(name, 0)) for name in wanted)
    return {name: Span(node.span.source, offset, offset + len(name)) for name, offset in places}


def _all_used(decl: LayerDecl, given: Mapping[str, Read], names: Mapping[str, Span], report: Report) -> bool:
    strange = next((name for name in given if name not in names), None)
    if strange is not None:
        report.error("wrong-inputs", f"the equation does not use `{strange}`", decl.reads_span)
    return strange is None


def _number(name: str, env: Env, place: Span, report: Report) -> float | None:
    value = env.names[name]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    report.error("wrong-type", f"`{name}` in an equation is a number, got {value!r}", place)
    return None


def _is_layer(name: str, body: Body) -> bool:
    head = name.partition(".")[0]
    return head == "input" or home_of(head, body) is not None
