"""`scan`: a block that runs once a step, and `call: NAME.step`, one step of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from netspec.compiler.blocks import closed, ends_of, fill, is_in_itself
from netspec.compiler.groups import enter_body, mark
from netspec.compiler.limits import MAX_ELEMENTS, is_too_large
from netspec.compiler.place import make_node, values_of
from netspec.compiler.resolve import Read, Reading
from netspec.compiler.scan_axes import Cut, cut
from netspec.compiler.scan_states import state_shape
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.values import bind_arguments, given_arguments, sees
from netspec.diagnostics import Label, Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import DType, Node, Region, Scan, Size, Sizes, Slot, TensorType, Value
from netspec.lang.bind import has_failed, value_of
from netspec.lang.document import BlockDecl, LayerDecl
from netspec.lang.nodes import Scalar, shorten
from netspec.lang.scans import ScanDecl, StateDecl, scan_form
from netspec.ops.state import Parameter

if TYPE_CHECKING:
    from netspec.compiler.chain import Chains


@dataclass(slots=True, eq=False, repr=False)
class ScanBody(Body):
    """The inside of a scan while it grows. What it captures by itself is given whole to every step."""

    steps: Size = 1
    reverse: bool = False
    is_single: bool = False
    # By the cell's inputs: what each is, its value inside, and the one outside.
    ports: list[tuple[Slot, Value, Value | None]] = field(default_factory=list)
    ends: tuple[Value, ...] = ()
    named: tuple[tuple[str, Value], ...] = ()
    results: tuple[Value, ...] = ()

    def _region(self) -> Region:
        ports = [*self.ports, *((Slot(), inside, outside) for outside, inside in self.captured.items())]
        graph = self.freeze(tuple(inside for _, inside, _ in ports), self.ends)
        return Scan(
            self.path, graph, tuple(outside for _, _, outside in ports if outside is not None), self.results,
            self.span, self.origin, self.definition, self.arguments, self.owner, self.presence,
            tuple(slot for slot, _, _ in ports), self.steps, self.reverse, self.is_single, self.named,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Scan:
    """One scan, or one step of it, while it is elaborated."""

    chains: Chains
    outer: Body
    decl: LayerDecl
    entry: Entry
    env: Env
    form: ScanDecl
    block: BlockDecl
    report: Report
    is_single: bool

    @property
    def what(self) -> str:
        """How messages call it."""
        return f"the {'step' if self.is_single else 'scan'} of `{self.block.name.text}`"


def scan(
    chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading, *, is_single: bool = False
) -> None:
    """A recurrent layer made of a block; `is_single`: one step of it, which cuts nothing."""
    report = chains.session.at(entry.path, body.origin)
    form = scan_form(decl.argument, decl.key, report)
    block = _cell(form, env, report) if form is not None else None
    if form is not None and block is not None:
        made = _Scan(chains, body, decl, entry, env, form, block, report, is_single)
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


def _ports(block: BlockDecl) -> tuple[str, ...]:
    return tuple(port.text for port in block.inputs) if block.inputs is not None else ("input",)


def _check_names(made: _Scan) -> bool:
    """Whether states, `whole` and `emit` are names of the cell."""
    ports = _ports(made.block)
    known = {"state": ports, "whole": tuple(port for port in ports if port not in _states(made.form))}
    fits = True
    for word, names in (("state", [each.name for each in made.form.states]), ("whole", made.form.whole)):
        for name in names:
            if name.text not in known[word]:
                message = f"the cell `{made.block.name.text}` has no input `{shorten(name.text)}`"
                made.report.error("unknown-name", message, name.span, help=did_you_mean(name.text, known[word]))
                fits = False
    return fits


def _states(form: ScanDecl) -> dict[str, StateDecl]:
    return {each.name.text: each for each in form.states}


def _elaborate(made: _Scan, reading: Reading) -> None:
    reads = _by_port(made, reading)
    if reads is None:
        return
    first, states = next(iter(reads.values()), None), _states(made.form)
    around = {**made.env.names, **sees(first.value if first else None)}
    shapes = {
        name: state_shape(states[name], around, [read.value.type for read in reads.values()], made.env, made.report)
        for name in _ports(made.block)
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


def _by_port(made: _Scan, reading: Reading) -> dict[str, Read] | None:
    """What the cell's inputs read: states may be left out, all else must be there."""
    states = _states(made.form)
    needed = [port for port in _ports(made.block) if port not in states]
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
        return {port: named[port] for port in _ports(made.block) if port in named}
    wanted = ", ".join(f"`{port}`" for port in needed) or "nothing"
    more = f" and may read {', '.join(f'`{name}`' for name in states)}" if states else ""
    got = ", ".join(f"`{name}`" for name in named) or "nothing"
    message = f"{made.what} reads {wanted}{more}, got {got}"
    made.report.error("wrong-inputs", message, made.decl.reads_span or made.decl.key.span)
    return None


def _starts_fit(made: _Scan, read: Read, shape: Sizes | None) -> bool:
    if shape is None or read.value.type.shape == shape:
        return True
    place = made.chains.session.spans.get(read.value.name)
    message = f"a state of {_text(shape)} cannot start at {read.value.type}"
    label = Label(f"{read.name}  {read.value.type}", place)
    made.report.error("shape-mismatch", message, made.decl.reads_span or made.decl.key.span, labels=[label])
    return False


def _text(shape: Sizes) -> str:
    return f"[{', '.join(map(str, shape))}]"


def _fill(made: _Scan, reads: Mapping[str, Read], shapes: Mapping[str, Sizes], axes: Cut) -> None:
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
    args = bind_arguments(block.args, given, sizes, form.cell.span, f"the block `{block.name.text}`", made.report)
    if args is None:
        return
    text = f"in block `{block.name.text}` (`{made.entry.path}`) used"
    around = closed(made.env, args)
    inner = enter_body(made.chains, made.outer, made.decl, made.entry, around, text, ScanBody)
    inner.is_closed, inner.definition, inner.arguments = True, block.name.text, args
    inner.steps, inner.reverse, inner.is_single = axes.steps, _is_reversed(made), made.is_single
    for name in _ports(block):
        _enter_port(made, inner, name, ports[name], reads.get(name), axes.axes.get(name))
    last = fill(made.chains, inner, block)
    ends = ends_of(made.chains, inner, block, last)
    if ends is not None:
        _close(made, inner, ends, shapes)
    mark(inner, made.outer, made.decl, made.entry)


def _inner_types(
    made: _Scan, reads: Mapping[str, Read], shapes: Mapping[str, Sizes], axes: Cut
) -> dict[str, TensorType]:
    """The types of the cell's inputs, one step of each. Only what is given whole may be the same for every sample."""
    types = {port: read.value.type for port, read in reads.items()}
    batched = any(type.batched for type in types.values())
    floating = (type.dtype for type in types.values() if type.dtype.is_floating)
    dtype = next(floating, DType.FLOAT32)
    found: dict[str, TensorType] = {}
    for port in _ports(made.block):
        if port in shapes:
            own = types[port].dtype if port in types else dtype
            found[port] = TensorType(shapes[port], own, batched)
        elif (axis := axes.axes.get(port)) is not None:
            shape = types[port].shape
            cut_type = types[port].with_shape(*shape[: axis - 1], *shape[axis:])
            valid = frozenset(each - (each > axis) for each in types[port].valid if each != axis)
            found[port] = replace(cut_type, batched=batched, valid=valid)
        else:
            found[port] = replace(types[port], batched=batched) if made.is_single else types[port]
    return found


def _enter_port(made: _Scan, inner: ScanBody, name: str, type: TensorType, read: Read | None, axis: int | None) -> None:
    """An input of the cell becomes a name of its chain."""
    state = _states(made.form).get(name)
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


def _learned(made: _Scan, inner: ScanBody, state: StateDecl) -> Node | None:
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


def _is_reversed(made: _Scan) -> bool:
    if made.form.reverse is None:
        return False
    value = value_of(made.form.reverse, made.report, made.env.names)
    if isinstance(value, bool):
        return value
    if not has_failed(value):
        message = f"`reverse` is true or false, got {shorten(str(value))}"
        made.report.error("wrong-type", message, made.form.reverse.span)
    return False


def _close(made: _Scan, inner: ScanBody, ends: dict[str, Value], shapes: Mapping[str, Sizes]) -> None:
    """What the cell gives becomes the next states and what is emitted."""
    if list(ends) == [""] and len(shapes) == 1:
        ends = {next(iter(shapes)): ends[""]}  # a cell of one state and one value gives the state
    inner.named = tuple(ends.items())
    if made.is_single:
        names = tuple(ends) if list(ends) != [""] else ()
        inner.ends = tuple(ends.values())
        types = tuple(value.type for value in inner.ends)
        _give(made, inner, names, types)
        return
    emit = _emitted(made, ends)
    if emit is None or not all(_state_fits(made, inner, name, ends) for name in shapes):
        return
    inner.ends = tuple(ends[name] for name in (*shapes, *emit))
    stacked = [_stacked(inner, ends[name].type) for name in emit]
    finals = [ends[name].type for name in shapes]
    first = emit[0] if emit[0] and emit[0] not in shapes else "sequence"
    names = (first, *emit[1:], *shapes)
    _give(made, inner, names, (*stacked, *finals))


def _stacked(inner: ScanBody, each: TensorType) -> TensorType:
    """What is emitted in every step, along a first axis that has lengths where a sequence has that is cut."""
    cut = (slot.axis in outside.type.valid for slot, _, outside in inner.ports if outside is not None)
    valid = frozenset({axis + 1 for axis in each.valid} | ({1} if any(cut) else set()))
    return replace(each.with_shape(inner.steps, *each.shape), valid=valid)


def _fits_memory(made: _Scan, types: Sequence[TensorType]) -> bool:
    """Whether a machine can hold what the scan gives; reports `too-large`."""
    large = next((type for type in types if is_too_large(type)), None)
    if large is not None:
        message = f"the scan would give {large}; the limit is {MAX_ELEMENTS:,} elements a sample"
        made.report.error("too-large", message, made.decl.key.span)
    return large is None


def _give(made: _Scan, inner: ScanBody, names: tuple[str, ...], types: tuple[TensorType, ...]) -> None:
    entry, session = made.entry, made.chains.session
    if not _fits_memory(made, types):
        return
    inner.results = values_of(entry.path, names, types)
    entry.outputs, entry.output_names = inner.results, names
    session.spans |= {value.name: made.decl.key.span for value in inner.results}
    read = tuple(outside.name for _, _, outside in inner.ports if outside is not None)
    session.reads |= {value.name: read for value in inner.results}


def _emitted(made: _Scan, ends: Mapping[str, Value]) -> tuple[str, ...] | None:
    """The names of what is emitted; the cell's first output where `emit` is left out."""
    if not made.form.emit:
        return (next(iter(ends)),)
    states = _states(made.form)
    for index, name in enumerate(made.form.emit):
        if name.text not in ends:
            message = f"the cell `{made.block.name.text}` has no output `{shorten(name.text)}`"
            made.report.error("unknown-name", message, name.span, help=did_you_mean(name.text, list(ends)))
            return None
        if index and (name.text in states or name.text in [each.text for each in made.form.emit[:index]]):
            why = "is a state: its name stands for its last value" if name.text in states else "is emitted already"
            made.report.error("wrong-value", f"`{name.text}` {why}", name.span, help=f"`emit: {name.text}` alone")
            return None
    return tuple(name.text for name in made.form.emit)


def _state_fits(made: _Scan, inner: ScanBody, name: str, ends: Mapping[str, Value]) -> bool:
    state, block = _states(made.form)[name], made.block
    if name not in ends:
        message = f"the cell `{block.name.text}` has no output `{name}`, which the next step starts at"
        help = f"`outputs:` of the block says it: `{{{name}: LAYER}}`"
        made.report.error("missing-key", message, state.name.span, help=help)
        return False
    own = next(inside.type for slot, inside, _ in inner.ports if slot.state == name)
    new = ends[name].type
    if (new.shape, new.dtype, new.batched) == (own.shape, own.dtype, own.batched):
        return True
    if (new.shape, new.dtype) == (own.shape, own.dtype):
        message = f"the state `{name}` does not depend on what the cell reads: it is the same for every sample"
        made.report.error("wrong-inputs", message, state.name.span)
        return False
    message = f"the state `{name}` is {own}, but the cell `{block.name.text}` gives {new}"
    made.report.error("shape-mismatch", message, state.name.span)
    return False
