"""`scan`: a block that runs once a step, and `call: NAME.step`, one step of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from netspec.compiler.blocks import closed, ends_of, fill, is_in_itself
from netspec.compiler.groups import enter_body, mark
from netspec.compiler.place import make_node
from netspec.compiler.resolve import Read, Reading
from netspec.compiler.scan_axes import Cut, cut
from netspec.compiler.scan_body import ScanBody, Scanning
from netspec.compiler.scan_ends import close
from netspec.compiler.scan_states import state_shape
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.values import bind_arguments, given_arguments, sees
from netspec.diagnostics import Label, Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import DType, Node, Sizes, Slot, TensorType, Value
from netspec.lang.bind import has_failed, value_of
from netspec.lang.document import BlockDecl, LayerDecl
from netspec.lang.nodes import Scalar, shorten
from netspec.lang.scans import ScanDecl, StateDecl, scan_form
from netspec.ops.state import Parameter

if TYPE_CHECKING:
    from netspec.compiler.chain import Chains


def scan(
    chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading, *, is_single: bool = False
) -> None:
    """A recurrent layer made of a block; `is_single`: one step of it, which cuts nothing."""
    report = chains.session.at(entry.path, body.origin)
    form = scan_form(decl.argument, decl.key, report)
    block = _cell(form, env, report) if form is not None else None
    if form is not None and block is not None:
        made = Scanning(chains, body, decl, entry, env, form, block, report, is_single)
        if not is_in_itself(body, replace(form.cell, text=block.name.text), report) and _check_names(made):
            _elaborate(made, reading)


def _cell(form: ScanDecl, env: Env, report: Report) -> BlockDecl | None:
    """The block that runs; None, and a report, if there is none."""
    value = value_of(form.cell, report, env.names) if form.cell.text.startswith("=") else form.cell.text
    if has_failed(value):
        return None
    if isinstance(value, str) and value in env.document.blocks:
        return env.document.blocks[value]
    help = did_you_mean(str(value), env.document.blocks) if env.document.blocks else "`blocks:` holds it"
    report.error("unknown-op", f"no block is called `{shorten(str(value))}`", form.cell.span, help=help)
    return None


def _check_names(made: Scanning) -> bool:
    """Whether states, `whole` and `emit` are names of the cell."""
    ports = made.ports
    known = {"state": ports, "whole": tuple(port for port in ports if port not in made.states)}
    fits = True
    for word, names in (("state", [each.name for each in made.form.states]), ("whole", made.form.whole)):
        for name in names:
            if name.text not in known[word]:
                message = f"the cell `{made.block.name.text}` has no input `{shorten(name.text)}`"
                made.report.error("unknown-name", message, name.span, help=did_you_mean(name.text, known[word]))
                fits = False
    return fits


def _elaborate(made: Scanning, reading: Reading) -> None:
    reads = _by_port(made, reading)
    if reads is None:
        return
    first, states = next(iter(reads.values()), None), made.states
    around = {**made.env.names, **sees(first.value if first else None)}
    shapes = {
        name: state_shape(states[name], around, [read.value.type for read in reads.values()], made.env, made.report)
        for name in made.ports
        if name in states
    }
    axes: Cut | None = Cut(1, {})
    if not made.is_single:
        sequences = {port: read for port, read in reads.items() if port not in shapes}
        axes = cut(made.form, made.env, sequences, around, made.report)
    if axes is None or None in shapes.values():
        return
    known = {name: shape for name, shape in shapes.items() if shape is not None}
    if all(_starts_fit(made, read, known.get(port)) for port, read in reads.items()):
        _fill(made, reads, known, axes)


def _by_port(made: Scanning, reading: Reading) -> dict[str, Read] | None:
    """What the cell's inputs read: states may be left out, all else must be there."""
    states = made.states
    needed = [port for port in made.ports if port not in states]
    if reading is None:
        return None if needed else {}
    if isinstance(reading, Mapping):
        named = dict(reading)
    elif made.decl.reads is None:
        names = {read.name: read for read in reading}
        named = {port: names[port] for port in needed} if set(needed) <= set(names) else {}
        named = named or dict(zip(needed, reading[:1], strict=False))
    else:
        named = dict(zip(needed, reading, strict=False))
        named |= {f"{len(reading)} inputs": reading[-1]} if len(reading) > len(needed) else {}
    if set(needed) <= set(named) <= {*needed, *states}:
        return {port: named[port] for port in made.ports if port in named}
    wanted = ", ".join(f"`{port}`" for port in needed) or "nothing"
    more = f" and may read {', '.join(f'`{name}`' for name in states)}" if states else ""
    got = ", ".join(f"`{name}`" for name in named) or "nothing"
    message = f"{made.what} reads {wanted}{more}, got {got}"
    made.report.error("wrong-inputs", message, made.decl.reads_span or made.decl.key.span)
    return None


def _starts_fit(made: Scanning, read: Read, shape: Sizes | None) -> bool:
    if shape is None or read.value.type.shape == shape:
        return True
    place = made.chains.session.spans.get(read.value.name)
    message = f"a state of {_text(shape)} cannot start at {read.value.type}"
    label = Label(f"{read.name}  {read.value.type}", place)
    made.report.error("shape-mismatch", message, made.decl.reads_span or made.decl.key.span, labels=[label])
    return False


def _text(shape: Sizes) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _fill(made: Scanning, reads: Mapping[str, Read], shapes: Mapping[str, Sizes], axes: Cut) -> None:
    """Open the body, elaborate the cell in it, and close it."""
    ports = _inner_types(made, reads, shapes, axes)
    read_first = next((type for name, type in ports.items() if name not in shapes), next(iter(ports.values()), None))
    sizes = sees(Value("", read_first) if read_first is not None else None)
    block, form = made.block, made.form
    given = given_arguments(
        form.argument, block.args, {**made.env.names, **sizes}, f"the block `{block.name.text}`", made.report
    )
    if given is None:
        return
    args = bind_arguments(
        block.args, given, closed(made.env, sizes).names, form.cell.span, f"the block `{block.name.text}`", made.report
    )
    if args is None:
        return
    text = f"in block `{block.name.text}` (`{made.entry.path}`) used"
    around = closed(made.env, args)
    inner = enter_body(made.chains, made.outer, made.decl, made.entry, around, text, ScanBody)
    inner.is_closed, inner.definition, inner.arguments = True, block.name.text, args
    inner.steps, inner.reverse, inner.is_single = axes.steps, _is_reversed(made), made.is_single
    for name in made.ports:
        _enter_port(made, inner, name, ports[name], reads.get(name), axes.axes.get(name))
    last = fill(made.chains, inner, block)
    ends = ends_of(made.chains, inner, block, last)
    if ends is not None:
        close(made, inner, ends, shapes)
    mark(inner, made.outer, made.decl, made.entry)


def _inner_types(
    made: Scanning, reads: Mapping[str, Read], shapes: Mapping[str, Sizes], axes: Cut
) -> dict[str, TensorType]:
    """The types of the cell's inputs, one step of each. Only what is given whole may be the same for every sample."""
    types = {port: read.value.type for port, read in reads.items()}
    batched = any(type.batched for type in types.values())
    times = next((type.times for type in types.values() if type.times != 1), 1)  # within `each`
    floating = (type.dtype for type in types.values() if type.dtype.is_floating)
    dtype = next(floating, DType.FLOAT32)
    found: dict[str, TensorType] = {}
    for port in made.ports:
        if port in shapes:
            own = types[port].dtype if port in types else dtype
            found[port] = TensorType(shapes[port], own, batched, times=times)
        elif (axis := axes.axes.get(port)) is not None:
            shape = types[port].shape
            cut_type = types[port].with_shape(*shape[: axis - 1], *shape[axis:])
            valid = frozenset(each - (each > axis) for each in types[port].valid if each != axis)
            found[port] = replace(cut_type, batched=batched, valid=valid)
        else:
            found[port] = replace(types[port], batched=batched) if made.is_single else types[port]
    return found


def _enter_port(
    made: Scanning, inner: ScanBody, name: str, type: TensorType, read: Read | None, axis: int | None
) -> None:
    """An input of the cell becomes a name of its chain."""
    state = made.states.get(name)
    value = Value(name, type)
    start = _learned(made, inner, state) if state is not None and state.is_learned and read is None else None
    slot = Slot(name if state is not None else None, axis, state is not None and read is not None, start)
    inner.ports.append((slot, value, read.value if read is not None else None))
    span = made.block.name.span
    if made.block.inputs is None:
        inner.input = value
        return
    span = next(port.span for port in made.block.inputs if port.text == name)
    inner.entries[name] = Entry(name, name, span, (value,), is_read=True)
    if len(made.block.inputs) == 1:
        inner.input = value


def _learned(made: Scanning, inner: ScanBody, state: StateDecl) -> Node | None:
    """The node of a state's first value, a parameter called as the state."""
    name = state.name
    shape = value_of(state.shape, made.report, made.env.names)
    sizes = shape if isinstance(shape, list) else [shape]
    key = Scalar("param", "param", name.span)
    decl = LayerDecl(name.span, key, name=name)
    entry = Entry(name.text, inner.prefix + name.text, name.span, decl=decl, env=made.env)
    if not all(type(size) is int for size in sizes):
        message = f"a learned state has a shape of numbers, got {_text(tuple(sizes))}"
        made.report.error("bad-attribute", message, state.shape.span)
        return None
    op = Parameter(shape=tuple(sizes))
    make_node(made.chains.session, inner, decl, entry, made.env, op, (), made.report)
    node = inner.nodes.pop() if entry.outputs else None
    if not isinstance(node, Node):
        return None
    # The final state has the parameter's name.
    return replace(node, outputs=(Value(f"{entry.path}/start", entry.outputs[0].type),))


def _is_reversed(made: Scanning) -> bool:
    if made.form.reverse is None:
        return False
    value = value_of(made.form.reverse, made.report, made.env.names)
    if isinstance(value, bool):
        return value
    if not has_failed(value):
        message = f"`reverse` is true or false, got {shorten(str(value))}"
        made.report.error("wrong-type", message, made.form.reverse.span)
    return False
