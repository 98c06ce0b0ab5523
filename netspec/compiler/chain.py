"""Chains: each layer in its turn, with its repeats, its condition, its name, and what it reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from netspec.compiler.explain import remedy
from netspec.compiler.place import place_op
from netspec.compiler.repeats import copies
from netspec.compiler.resolve import Read, Reading, follow, handed_on, resolve
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.session import Session
from netspec.compiler.values import absence, computed_name, condition, sees
from netspec.diagnostics import Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Frame
from netspec.lang.bind import has_failed, value_of
from netspec.lang.document import LayerDecl, Layers
from netspec.lang.layers import STRUCTURAL
from netspec.lang.names import check_layer_name
from netspec.lang.nodes import shorten
from netspec.ops.registry import is_shipped, lookup, ops


class Chains:
    """Elaborates chains into bodies; groups come back here for the chains inside of them."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def chain(self, body: Body, layers: Layers, previous: Entry | None = None) -> Entry | None:
        """Elaborate a chain's layers into `body`; the entry of the last one."""
        self._declare(body, layers)
        position = 0
        for decl in layers:
            previous, position = self._put(body, decl, position, previous)
        return previous

    def _declare(self, body: Body, layers: Layers) -> None:
        unnamed = [index for index, decl in enumerate(layers) if decl is None or decl.name is None]
        body.length = unnamed[-1] + 1 if unnamed else 0
        for decl in layers:
            if decl is None or decl.name is None or "{" in decl.name.text:
                continue
            if body.parent is None and decl.name.text in body.entries:
                message = f"an input is called `{decl.name.text}` too"
                self.session.at(body.path, body.origin).error("duplicate-name", message, decl.name.span)
            body.declared.setdefault(decl.name.text, decl)

    def _put(
        self, body: Body, decl: LayerDecl | None, position: int, previous: Entry | None
    ) -> tuple[Entry | None, int]:
        """Put a layer, or the copies of a repeat, into a chain; what the next layer reads, and its position."""
        if decl is None:
            entry = Entry(str(position), "", None)
            self._enter(body, entry)
            return entry, position + 1
        if decl.repeat is None:
            return self._single(body, decl, body.env, position, previous)
        rounds = self.rounds(body, decl, previous)
        if rounds is None:
            return self._single(body, replace(decl, repeat=None), None, position, previous)
        if decl.name is not None and "{" not in decl.name.text:
            return self._single(body, decl, body.env, position, previous, rounds)
        return self._copies(body, decl, position, previous, rounds)

    def _copies(
        self, body: Body, decl: LayerDecl, position: int, previous: Entry | None, rounds: list[dict[str, object]]
    ) -> tuple[Entry | None, int]:
        """The copies of a repeat without a name of its own, each reading the one before it."""
        before: Entry | None = None
        origin, copy = body.origin, replace(decl, repeat=None)
        with copies(self.session, body, decl, rounds) as foresee:
            for index, names in enumerate(rounds):
                place = f" (`{body.prefix}{position}`)" if decl.name is None else ""
                body.origin = (*origin, Frame(f"repeat {index + 1} of {len(rounds)}{place}", None))
                following = before if before is not None else previous
                previous, position = self._single(
                    body, copy, body.env.with_names(names), position, following, before=before
                )
                foresee(index, before, previous)
                before = previous
        body.origin = origin
        return previous, position

    def rounds(self, body: Body, decl: LayerDecl, previous: Entry | None) -> list[dict[str, object]] | None:
        """The repeat variables of each copy; None if they cannot be told."""
        assert decl.repeat is not None
        path = body.prefix + (decl.name.text if decl.name else decl.key.text)
        report = self.session.at(path, body.origin)
        names = {**body.env.names, **sees(previous.outputs[0] if previous and previous.outputs else body.input)}
        repeat = decl.repeat
        if repeat.count is not None:
            items = counted(value_of(repeat.count, report, names), repeat.count.span, report, self.session)
            return None if items is None else [{} for _ in items]
        columns: dict[str, list[object]] = {}
        for key, node in repeat.variables:
            found = counted(value_of(node, report, names), node.span, report, self.session)
            if found is None:
                return None
            columns[key.text] = found
        if len({len(column) for column in columns.values()}) > 1:
            lengths = ", ".join(f"`{name}` has {len(column)}" for name, column in columns.items())
            report.error("wrong-value", f"variables side by side are of equal length: {lengths}", repeat.span)
            return None
        return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]

    def _single(
        self,
        body: Body,
        decl: LayerDecl,
        env: Env | None,
        position: int,
        previous: Entry | None,
        rounds: list[dict[str, object]] | None = None,
        before: Entry | None = None,
    ) -> tuple[Entry | None, int]:
        """One layer under one name. `env` None: what it is cannot be told, only that it stands there."""
        names = (env or body.env).names
        report = self.session.at(f"{body.prefix}{decl.name.text if decl.name else position}", body.origin)
        # Copies of a repeat whose name cannot be computed are told apart by their positions.
        naming = self.session.at(f"{body.prefix}{position}", body.origin)
        name = str(position) if decl.name is None else computed_name(decl.name, names, naming)
        if name is not None and decl.name is not None and "{" in decl.name.text:
            named = replace(decl.name, text=name)
            name = name if check_layer_name(named, naming) else None
        shown = name if name is not None else str(position)
        self.session.budget.enter(decl.key.span, report)
        entry = Entry(shown, body.prefix + shown, decl.key.span, decl=decl, env=env)
        entry.owner = body.owner_of(shown)
        if env is None or name is None:
            self._enter(body, entry)
            return entry, position + 1
        reading = self.read(body, decl, previous, before, report)
        present = self._is_present(body, decl, entry, reading, env, report)
        if present:
            self._check_name(body, decl, entry, report)
            self.place(body, decl, entry, env, reading, rounds)
            self._enter(body, entry)
            return (previous if entry.presence == "head" else entry), position + 1
        if decl.name is not None:
            self._enter(body, entry)
        return (previous if present is False else entry), position + (present is None)

    def _check_name(self, body: Body, decl: LayerDecl, entry: Entry, report: Report) -> None:
        """Report a name that is there twice; the second one goes on under a path that no name has."""
        first = body.entries.get(entry.name)
        if (
            first is None
            or first.absent
            or (body.parent is None and first.decl is None and first.path == entry.name and decl.name)
        ):
            return
        span = decl.name.span if decl.name else decl.key.span
        notes = [f"first at line {first.span.line}"] if first.span is not None else []
        report.error("duplicate-name", f"two layers here are called `{entry.name}`", span, notes=notes)
        entry.path += "~"

    def _enter(self, body: Body, entry: Entry) -> None:
        """Give a name its meaning; of several layers of one name the one that is there has it."""
        first = body.entries.get(entry.name)
        if first is None or (first.absent and not entry.absent):
            body.entries[entry.name] = entry

    def _is_present(
        self, body: Body, decl: LayerDecl, entry: Entry, reading: Reading, env: Env, report: Report
    ) -> bool | None:
        """Whether the layer is there; where it is not, its entry stands for what it would have read."""
        if decl.when is None:
            return True
        first = _first(reading)
        if reading is None and "in_" in decl.when.text:
            return None
        found = condition(decl.when, {**env.names, **sees(first.value if first else None)}, report)
        if found is False:
            entry.outputs = (first.value,) if first is not None else ()
            entry.absent = absence(decl.when)
            entry.remedy = remedy(decl.when, body, entry.name)
            entry.span = decl.when.span
        return found

    def place(
        self,
        body: Body,
        decl: LayerDecl,
        entry: Entry,
        env: Env,
        reading: Reading,
        rounds: list[dict[str, object]] | None = None,
    ) -> None:
        """Make a layer that is there: `entry` gets its outputs, `body` its node."""
        if decl.each is not None:
            from netspec.compiler.each import place_each  # few specs have `each`

            def inside(read: Reading) -> None:
                self.place(body, replace(decl, each=None), entry, env, read, rounds)

            place_each(self.session, body, decl, entry, env, reading, inside)
        elif rounds is None and _is_op(decl.key.text, env):
            self._op(body, decl, entry, env, reading)
        else:
            self._structure(body, decl, entry, env, reading, rounds)

    def _structure(
        self,
        body: Body,
        decl: LayerDecl,
        entry: Entry,
        env: Env,
        reading: Reading,
        rounds: list[dict[str, object]] | None,
    ) -> None:
        """Make what is more than an op."""
        from netspec.compiler import blocks, groups  # here, not above: a plain chain has none of them

        key = decl.key.text
        if rounds is not None:
            groups.repeat(self, body, decl, entry, env, reading, rounds)
        elif decl.body is not None:
            groups.sequence(self, body, decl, entry, env, reading)
        elif decl.parallel is not None:
            groups.parallel(self, body, decl, entry, env, reading)
        elif key == "use":
            blocks.use(self, body, decl, entry, env, reading)
        elif key == "call":
            blocks.call(self, body, decl, entry, env, reading)
        elif key == "op":
            self._named_by_argument(body, decl, entry, env, reading)
        elif key == "scan":
            from netspec.compiler.scans import scan  # most networks have none

            scan(self, body, decl, entry, env, reading)
        elif key == "calc":
            from netspec.compiler.equations import place_calc  # most networks have none

            place_calc(self.session, body, decl, entry, env, reading)
        else:
            blocks.block(self, body, decl, entry, env, reading)

    def _named_by_argument(self, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading) -> None:
        """`op: =act`: the op or block whose name an argument holds."""
        report = self.session.at(entry.path, body.origin)
        value = value_of(decl.argument, report, env.names) if decl.argument is not None else None
        if isinstance(value, str):
            key = replace(decl.key, text=value)
            self.place(body, replace(decl, key=key, argument=None), entry, env, reading)
        elif not has_failed(value):
            report.error("wrong-type", "`op` takes the name of an op or block, as in `op: =act`", decl.key.span)

    def _op(self, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading) -> None:
        op_class = lookup(decl.key.text)
        if op_class is not None:
            place_op(self.session, body, decl, entry, env, op_class, reading)
            return
        key, report = decl.key, self.session.at(entry.path, body.origin)
        help = did_you_mean(key.text, [*env.document.blocks, *ops(), *STRUCTURAL])
        report.error("unknown-op", f"no op or block is called `{shorten(key.text)}`", key.span, help=help)

    def read(
        self, body: Body, decl: LayerDecl, previous: Entry | None, before: Entry | None, report: Report
    ) -> Reading:
        """What a layer reads. A copy that follows another one reads that one, and else what `from` names."""
        reading = self._written(body, decl, previous, report)
        if before is None or reading is None:
            return reading
        before.is_read = True
        return follow(before, reading, decl)

    def _written(self, body: Body, decl: LayerDecl, previous: Entry | None, report: Report) -> Reading:
        if decl.reads is None:
            return self._implicit(body, previous)
        if isinstance(decl.reads, tuple):
            found = [resolve(reference, body, report) for reference in decl.reads]
            reading = tuple(read for read in found if read is not None)
            return reading if len(reading) == len(found) else None
        named = {port: resolve(reference, body, report) for port, reference in decl.reads.items()}
        by_port = {port: read for port, read in named.items() if read is not None}
        return by_port if len(by_port) == len(named) else None

    def _implicit(self, body: Body, previous: Entry | None) -> Reading:
        if previous is not None:
            previous.is_read = True
            if not previous.output_names:
                return tuple(Read(value, value.name, previous) for value in previous.outputs[:1]) or None
            return handed_on(previous) or None
        if body.input is not None:
            return (Read(body.input, body.input.name),)
        # Of several inputs the first layer must name one: nothing to read is an error only for who needs it.
        return () if len(body.entries) > 1 else None


def _is_op(key: str, env: Env) -> bool:
    """Whether layers of that kind are an op; of two of one name the one that netspec ships goes before a block."""
    return key not in STRUCTURAL and (is_shipped(key) or key not in env.document.blocks)


def counted(value: object, span: Span, report: Report, session: Session) -> list[object] | None:
    """The items of a repeat: a list, or the numbers up to a count; None if it is neither, or beyond the limit."""
    if has_failed(value):
        return None
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        with session.budget.copies(value, span, report, equal=False):
            return list(range(value))
    if isinstance(value, list):
        return value
    report.error("wrong-value", f"a repeat is a whole number from 0, or a list, got {shorten(str(value))}", span)
    return None


def _first(reading: Reading) -> Read | None:
    if reading is None:
        return None
    return next(iter(reading.values() if isinstance(reading, Mapping) else reading), None)
