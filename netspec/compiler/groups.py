"""Layers with layers inside: sequences, named repeats and parallels. Blocks, other specs and calls are in `blocks`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from netspec.compiler.budget import MAX_DEPTH, refuse_depth
from netspec.compiler.place import presence
from netspec.compiler.repeats import copies
from netspec.compiler.resolve import Read, Reading, follow
from netspec.compiler.scope import Body, Entry, Env
from netspec.ir import Frame, Value
from netspec.lang.document import LayerDecl, Parallel, Reference
from netspec.lang.nodes import Scalar

if TYPE_CHECKING:
    from netspec.compiler.chain import Chains


B = TypeVar("B", bound=Body)


def sequence(chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading) -> None:
    """A named chain."""
    inner = open_body(chains, body, decl, entry, env, f"in the sequence `{entry.path}`")
    _feed_one(chains, inner, body, decl, reading, "a sequence")
    last = chains.chain(inner, decl.body or ())
    close_body(inner, body, decl, entry, last)


def repeat(
    chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading,
    rounds: list[dict[str, object]],
) -> None:  # fmt: skip
    """A named repeat: copies called 0, 1, 2 ..., each reading the one before it."""
    inner = open_body(chains, body, decl, entry, env, "")
    copy = replace(decl, name=None, repeat=None, when=None, only_train=False)
    _feed(inner, body, reading)
    first = _inner_reading(inner, reading)
    previous: Entry | None = None
    with copies(chains.session, body, decl, rounds) as foresee:
        for index, names in enumerate(rounds):
            path = f"{entry.path}.{index}"
            around = env.with_names(names)
            each = Entry(str(index), path, decl.key.span, decl=copy, env=around, owner=inner.owner_of(str(index)))
            inner.origin = (*body.origin, Frame(f"repeat {index + 1} of {len(rounds)} (`{path}`)", None))
            chains.session.budget.enter(decl.key.span, chains.session.at(path, inner.origin))
            reads = first if previous is None else follow(previous, first, decl)
            chains.place(inner, copy, each, around, reads)
            inner.entries[each.name] = each
            foresee(index, previous, each)
            previous = each
            each.is_read = True
    inner.origin = body.origin
    close_body(inner, body, decl, entry, previous, whole=True)


def parallel(chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading) -> None:
    """Branches that read the same, joined."""
    assert decl.parallel is not None
    inner = open_body(chains, body, decl, entry, env, f"in `{entry.path}`")
    _feed_one(chains, inner, body, decl, reading, "a parallel")
    last = branches(chains, inner, decl.parallel)
    close_body(inner, body, decl, entry, last)


def branches(chains: Chains, body: Body, found: Parallel) -> Entry | None:
    """Elaborate the branches of a parallel into `body`; the entry of their join."""
    ends: list[Entry] = []
    for branch in found.branches:
        decl = _as_layer(branch.name, branch.layers, is_single=branch.is_single)
        if decl is None:
            ends.append(Entry(branch.name.text, "", None))
            continue
        entry = Entry(branch.name.text, body.prefix + branch.name.text, branch.name.span, decl=decl, env=body.env)
        entry.owner = body.owner_of(entry.name)
        chains.session.budget.enter(branch.name.span, chains.session.at(entry.path, body.origin))
        if not branch.layers:  # the identity
            entry.outputs = (body.input,) if body.input is not None else ()
        else:
            reads = chains.read(body, decl, None, None, chains.session.at(entry.path, body.origin))
            chains.place(body, decl, entry, body.env, reads)
        report = chains.session.at(entry.path, body.origin)
        if entry.name in body.entries:
            report.error("duplicate-name", f"two layers here are called `{entry.name}`", branch.name.span)
        body.entries.setdefault(entry.name, entry)
        ends.append(entry)
    return _join(chains, body, found, ends)


def _join(chains: Chains, body: Body, found: Parallel, ends: list[Entry]) -> Entry | None:
    for end in ends:
        end.is_read = True
    if found.join is None:
        if len(ends) == 1:
            return ends[0]
        report = chains.session.at(body.path, body.origin)
        report.error("missing-key", "a `parallel` says how its branches are joined", found.span, help="join: concat")
        return None
    name = "join"
    while name in body.entries:
        name += "_"
    entry = Entry(name, body.prefix + name, found.join.key.span, decl=found.join, env=body.env)
    if all(end.outputs for end in ends):
        reads = tuple(Read(end.outputs[0], end.name, end) for end in ends)
        joined = replace(found.join, reads=tuple(Reference(end.name, found.join.key.span) for end in ends))
        chains.place(body, joined, entry, body.env, reads)
    body.entries[name] = entry
    return entry


def _as_layer(name: Scalar, layers: tuple[LayerDecl | None, ...], *, is_single: bool) -> LayerDecl | None:
    """A branch as a layer: the single one that it is, or a sequence."""
    if is_single:
        return layers[0]
    key = Scalar("sequence", "sequence", name.span)
    return LayerDecl(name.span, key, body=layers)


def open_body(chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, text: str) -> Body:
    """A new body inside of `body`, which a layer's node will be."""
    return enter_body(chains, body, decl, entry, env, text, Body)


def enter_body(chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, text: str, kind: type[B]) -> B:
    """The same, of a kind of its own."""
    if decl.tie is not None:
        report = chains.session.at(entry.path, body.origin)
        report.error("bad-layer", "`tie` stands at the layer whose parameter it is about", decl.key.span)
    origin = (*body.origin, Frame(text, decl.key.span)) if text else body.origin
    if body.depth >= MAX_DEPTH:
        refuse_depth(decl.key.span, chains.session.at(entry.path, body.origin))
    inner = kind(entry.path, env, body, decl.span, origin, owner=entry.owner or body.owner_of(entry.name))
    inner.is_frozen = decl.freeze or body.is_frozen
    inner.inits = ((decl.init, env), *body.inits) if decl.init is not None else body.inits
    inner.depth = body.depth + 1
    entry.body = inner
    body.nodes.append(inner)
    return inner


def _feed_one(chains: Chains, inner: Body, body: Body, decl: LayerDecl, reading: Reading, what: str) -> None:
    if reading is None:
        return
    reads = tuple(reading.values()) if isinstance(reading, Mapping) else reading
    if (len(reads) > 1 and decl.reads is not None) or isinstance(reading, Mapping):
        report = chains.session.at(inner.path, body.origin)
        report.error("wrong-inputs", f"{what} reads one layer, got {len(reads)}", decl.reads_span)
    elif reads:
        inner.input = inner.capture(reads[0].value, body)


def _feed(inner: Body, body: Body, reading: Reading) -> None:
    """Capture all that the first copy of a repeat reads."""
    reads = tuple(reading.values()) if isinstance(reading, Mapping) else reading or ()
    for read in reads:
        inner.capture(read.value, body)
    if reads:
        inner.input = inner.capture(reads[0].value, body)


def _inner_reading(inner: Body, reading: Reading) -> Reading:
    """The same reading with the values of the inner body."""
    if reading is None:
        return None
    if isinstance(reading, Mapping):
        return {port: replace(read, value=inner.captured[read.value]) for port, read in reading.items()}
    return tuple(replace(read, value=inner.captured[read.value]) for read in reading)


def close_body(
    inner: Body, body: Body, decl: LayerDecl, entry: Entry, last: Entry | None, *, whole: bool = False
) -> None:
    """A group's value is that of its last layer (`whole`: all of its outputs); that of an empty one what it reads."""
    values: tuple[Value, ...]
    if last is None:
        values = (inner.input,) if inner.input is not None else ()
    else:
        last.is_read = True
        values = last.outputs if whole else last.outputs[:1]
    entry.outputs = tuple(inner.export(each, body) for each in values)
    entry.output_names = last.output_names if whole and last is not None else ()
    mark(inner, body, decl, entry)


def mark(inner: Body, body: Body, decl: LayerDecl, entry: Entry) -> None:
    """Say what a group gives by which name, and whether it exists always, or while training only."""
    inner.words = tuple(zip(entry.output_names, entry.outputs, strict=False))
    reads = [outside for outside, inside in inner.captured.items() if inside is inner.input]
    inner.presence = entry.presence = presence(decl, entry, body, entry.outputs, reads or list(inner.captured))
