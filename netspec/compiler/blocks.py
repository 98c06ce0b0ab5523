"""Uses of blocks and of other specs, and calls: layers whose text stands elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from netspec.compiler.cycles import report_cycle
from netspec.compiler.groups import branches, close_body, mark, open_body
from netspec.compiler.inputs import InputTypes
from netspec.compiler.resolve import Read, Reading, home_of, resolve, resolve_entry
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.sections import with_expressions
from netspec.compiler.spec import WeightsSection
from netspec.compiler.use import check_ports, until, used_document
from netspec.compiler.values import absence, bind_arguments, condition, given_arguments, sees
from netspec.diagnostics import Label, Report
from netspec.ir import Value
from netspec.lang.document import BlockDecl, Document, LayerDecl, Reference
from netspec.lang.nodes import Scalar

if TYPE_CHECKING:
    from netspec.compiler.chain import Chains


def block(chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading) -> None:
    """A use of a block: a function of its arguments and inputs, closed to the names around it."""
    found = env.document.blocks[decl.key.text]
    report = chains.session.at(entry.path, body.origin)
    if found is None or is_in_itself(body, decl.key, report):
        return
    what = f"the block `{found.name.text}`"
    reads = by_port(found, decl, reading, what, report)
    sizes = _sizes(reads)
    if reads is None and (decl.argument is not None and "=" in decl.argument.span.text):
        return
    given = given_arguments(decl.argument, found.args, {**env.names, **sizes}, what, report)
    if given is None or (reads is None and _asks(found)):
        return
    args = bind_arguments(found.args, given, closed(env, sizes).names, decl.key.span, what, report)
    if args is None:
        return
    inner = open_body(
        chains, body, decl, entry, closed(env, args), f"in block `{found.name.text}` (`{entry.path}`) used"
    )
    inner.is_closed, inner.definition, inner.arguments = True, found.name.text, args
    _enter_ports(chains, inner, body, found, reads)
    last = fill(chains, inner, found)
    if found.outputs is None:
        close_body(inner, body, decl, entry, last)
    else:
        _close_named(chains, inner, body, decl, entry, found.outputs)


def closed(env: Env, args: Mapping[str, object]) -> Env:
    """What names mean in a block with these arguments. Vocabularies are seen everywhere in a file."""
    vocabs = {name: env.names[name] for name in env.document.vocabs if name in env.names}
    return Env(env.document, {**vocabs, **args}, env.fixed)


def fill(chains: Chains, inner: Body, found: BlockDecl) -> Entry | None:
    """Elaborate what a block holds; the entry of its last layer."""
    last = branches(chains, inner, found.parallel) if found.parallel is not None else None
    return chains.chain(inner, found.layers, previous=last) if found.layers else last


def ends_of(chains: Chains, inner: Body, found: BlockDecl, last: Entry | None) -> dict[str, Value] | None:
    """What a block gives, by name, as values of its inside; its one value has no name. None where one failed."""
    if found.outputs is None:
        if last is not None:
            last.is_read = True
        return {"": last.outputs[0]} if last is not None and last.outputs else None
    report = chains.session.at(inner.path, inner.origin)
    reads = {name: resolve(reference, inner, report) for name, reference in found.outputs.items()}
    values = {name: read.value for name, read in reads.items() if read is not None}
    return values if len(values) == len(reads) else None


def is_in_itself(body: Body, key: Scalar, report: Report) -> bool:
    """Whether a block uses itself by way of an argument, as `op: =act` can; reports `cycle`."""
    around: list[Body] = []
    scope: Body | None = body
    while scope is not None:
        if scope.definition is not None and scope.env.document is body.env.document:
            around.append(scope)
        if scope.definition == key.text and scope in around:
            names = [each.definition or "" for each in reversed(around)]
            spans = [frame.span for each in reversed(around[:-1]) if (frame := each.origin[-1]).span is not None]
            report_cycle(names, [*(span for span in spans if span is not None), key.span], report)
            return True
        scope = scope.parent
    return False


def _asks(found: BlockDecl) -> bool:
    """Whether a default asks for the size of what the block reads."""
    texts = (decl.default.span.text for decl in found.args.values() if decl.default is not None)
    return any("in_channels" in text or "in_features" in text for text in texts)


def by_port(found: BlockDecl, decl: LayerDecl, reading: Reading, what: str, report: Report) -> dict[str, Read] | None:
    """What a block's inputs read, by port."""
    ports = tuple(port.text for port in found.inputs) if found.inputs is not None else ("input",)
    if reading is None:
        return None
    if isinstance(reading, Mapping):
        named = dict(reading)
    else:
        names = {read.name for read in reading}
        implicit = decl.reads is None
        if implicit and set(ports) <= names:
            named = {read.name: read for read in reading if read.name in ports}
        else:
            named = dict(zip(ports, reading[: len(ports)] if implicit else reading, strict=False))
            if not implicit and len(reading) > len(ports):
                named[f"{len(reading)} inputs"] = reading[-1]
    if set(named) == set(ports):
        return {port: named[port] for port in ports}
    wanted = ", ".join(f"`{port}`" for port in ports)
    got = ", ".join(f"`{name}`" for name in named) or "nothing"
    if not isinstance(reading, Mapping) and len(reading) > len(ports) and decl.reads is not None:
        got = f"{len(reading)} inputs"
    help = "with several inputs the first layer says `from`" if reading == () else None
    message = f"{what} reads {wanted}, got {got}"
    report.error("wrong-inputs", message, decl.reads_span or decl.key.span, help=help)
    return None


def _enter_ports(chains: Chains, inner: Body, body: Body, found: BlockDecl, reads: dict[str, Read] | None) -> None:
    """The block's inputs become names of its chain, or its `input`."""
    if found.inputs is None:
        inner.input = inner.capture(reads["input"].value, body) if reads is not None else None
        return
    for port in found.inputs:
        read = reads[port.text] if reads is not None else None
        values = (inner.capture(read.value, body),) if read is not None else ()
        inner.entries[port.text] = Entry(port.text, port.text, port.span, values, is_read=True)
    if len(found.inputs) == 1:
        inner.input = next(iter(inner.entries.values())).outputs[0] if reads is not None else None


def use(chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading) -> None:
    """Another spec as a block: its inputs are the ports."""
    report = chains.session.at(entry.path, body.origin)
    found = used_document(chains.session, decl, env, report)
    if found is None:
        return
    document, path = found
    what = f"the spec `{document.name}`"
    ports = BlockDecl(
        decl.key, document.args, tuple(each.name for each in document.inputs.values() if each is not None), None, (),
        document.outputs,
    )  # fmt: skip
    reads = by_port(ports, decl, reading, what, report)
    sizes = _sizes(reads)
    sizes_of_vocabs = {name: vocab.size for name, vocab in document.vocabs.items()}
    given = given_arguments(decl.beside.get("args"), document.args, {**env.names, **sizes}, what, report)
    args = None if given is None else bind_arguments(document.args, given, sizes_of_vocabs, decl.key.span, what, report)
    if args is None or reads is None:
        return
    around = Env(document, {**sizes_of_vocabs, **args})
    types = InputTypes(document, around, report)
    if not check_ports(chains.session, document, types, reads, decl, report):
        return
    around = replace(around, fixed=types.fixed)
    inner = open_body(chains, body, decl, entry, around, f"in the spec `{document.name}` (`{entry.path}`) used")
    inner.is_closed, inner.definition, inner.arguments = True, document.name, args
    chains.session.open_files[str(path)] = decl.key.span
    _enter_ports(chains, inner, body, ports, reads)
    last = chains.chain(inner, document.layers)
    del chains.session.open_files[str(path)]
    cut: tuple[str, ...] = ()
    if (stop := decl.beside.get("until")) is not None:
        last, cut = until(inner, stop, report)
        close_body(inner, body, decl, entry, last)
    elif document.outputs is None:
        close_body(inner, body, decl, entry, last)
    else:
        _close_named(chains, inner, body, decl, entry, document.outputs)
    _remember_weights(chains, document, decl, entry, inner, cut)
    _remember_steps(chains, document, reads, around)


def _remember_weights(
    chains: Chains, document: Document, decl: LayerDecl, entry: Entry, inner: Body, cut: tuple[str, ...]
) -> None:
    """A spec that is used starts from the weights that its use names, else from its own."""
    node = decl.beside.get("weights") or document.weights
    if inner.owner is None:
        chains.session.weights.extend(WeightsSection.each(entry.path, node, cut))


def _remember_steps(chains: Chains, document: Document, reads: Mapping[str, Read], env: Env) -> None:
    """What a used spec does to its input becomes that of the network's input which it reads."""
    for name, decl in document.inputs.items():
        if decl is not None and decl.preprocess is not None:
            steps = with_expressions(decl.preprocess, env.names, chains.session.report)
            chains.session.preprocess.setdefault(reads[name].value.name, steps)


def call(chains: Chains, body: Body, decl: LayerDecl, entry: Entry, env: Env, reading: Reading) -> None:
    """A layer again, with the same weights; it may stand above or below."""
    report = chains.session.at(entry.path, body.origin)
    node = decl.argument
    if not isinstance(node, Scalar):
        report.error("wrong-type", "`call` takes the name of a layer", decl.key.span)
        return
    given = {"init": decl.init is not None, "tie": decl.tie is not None, "freeze": decl.freeze}
    for modifier in (word for word, is_there in given.items() if is_there):
        message = f"a call has the parameters of the layer that it calls: `{modifier}` stands there"
        report.error("bad-layer", message, decl.key.span)
    called = node.text.removesuffix(".step")
    is_step = called != node.text
    found = _called(chains, body, replace(node, text=called), report)
    if found is None:
        return
    target, around, owner = found
    if is_step and (target.repeat is not None or not is_recurrent(target.key.text)):
        message = f"`{called}` is no recurrent layer, so it has no step"
        report.error("wrong-inputs", message, node.span, help="`scan`, `rnn`, `gru` and `lstm` have one")
        return
    again = replace(
        target, name=decl.name, reads=decl.reads, reads_span=decl.reads_span, when=None, only_train=decl.only_train,
        each=None, span=decl.span, key=replace(target.key, span=decl.key.span),
    )  # fmt: skip
    entry.owner, entry.decl, entry.env = owner, target, around
    if is_step:
        from netspec.compiler.steps import place_step

        place_step(chains, body, again, entry, around, reading)
    elif target.repeat is None or "{" in (target.name.text if target.name is not None else ""):
        chains.place(body, replace(again, repeat=None), entry, around, reading)
    elif (rounds := chains.rounds(body, again, None)) is not None:
        chains.place(body, replace(again, repeat=None), entry, around, reading, rounds)


def is_recurrent(key: str) -> bool:
    """Whether layers of that kind have a step."""
    return key in ("scan", "rnn", "gru", "lstm")


def _called(chains: Chains, body: Body, node: Scalar, report: Report) -> tuple[LayerDecl, Env, str] | None:
    followed = _followed(body, node, report)
    if followed is None:
        return None
    body, node = followed
    name, home = node.text, home_of(node.text, body)
    layer = home.declared.get(name) if home is not None and name not in home.entries else None
    if home is not None and layer is not None:
        owner = home.owner_of(name) or home.prefix + name
        known = _is_inside(body, owner, node, report) or not _will_be(layer, home, node, report)
        return None if known else (layer, home.env, owner)
    entry = resolve_entry(Reference(name, node.span), body, report)
    if entry is None or entry.decl is None or entry.env is None:
        if entry is not None and entry.decl is None:
            report.error("wrong-inputs", f"`{name}` is an input; `call` takes a layer", node.span)
        return None
    if entry.absent:
        report.error("unknown-name", f"the layer `{name}` is {entry.absent}", node.span)
        return None
    owner = entry.owner or entry.path
    failed = entry.decl.key.text == "call" or _is_inside(body, owner, node, report)
    return None if failed else (entry.decl, entry.env, owner)


def _will_be(layer: LayerDecl, home: Body, node: Scalar, report: Report) -> bool:
    """Whether a layer below will be there; its `when` may ask for arguments only."""
    if layer.when is None:
        return True
    found = condition(layer.when, home.env.names, report)
    if found is False:
        report.error("unknown-name", f"the layer `{node.text}` is {absence(layer.when)}", node.span)
    return bool(found)


def _is_inside(body: Body | None, owner: str, node: Scalar, report: Report) -> bool:
    """Whether a call stands inside of what it calls; reports `cycle`."""
    while body is not None:
        if body.parent is not None and owner in (body.path, body.owner):
            report.error("cycle", f"`{node.text}` calls itself: this call stands inside of it", node.span)
            return True
        body = body.parent
    return False


def _followed(body: Body, node: Scalar, report: Report) -> tuple[Body, Scalar] | None:
    """Where calls end that stand below and call each other: a name, and the chain in which it stands.

    None, and `cycle`, where they go round in a circle.
    """
    steps: list[Scalar] = []
    while True:
        home = home_of(node.text, body)
        layer = home.declared.get(node.text) if home is not None and node.text not in home.entries else None
        if home is None or layer is None or layer.key.text != "call" or not isinstance(layer.argument, Scalar):
            return body, node
        steps.append(node)
        names = [step.text for step in steps]
        if layer.argument.text in names:
            start = names.index(layer.argument.text)
            labels = [Label(f"calls {step.text}", step.span) for step in steps[start:]]
            chain = " -> ".join([*names[start:], layer.argument.text])
            report.error("cycle", f"a call calls itself: {chain}", node.span, labels=labels)
            return None
        node, body = layer.argument, home


def _close_named(
    chains: Chains, inner: Body, body: Body, decl: LayerDecl, entry: Entry, outputs: Mapping[str, Reference]
) -> None:
    report = chains.session.at(entry.path, inner.origin)
    found = {name: resolve(reference, inner, report) for name, reference in outputs.items()}
    if None not in found.values():
        entry.outputs = tuple(inner.export(read.value, body) for read in found.values() if read is not None)
        entry.output_names = tuple(found)
    mark(inner, body, decl, entry)


def _sizes(reads: Mapping[str, Read] | None) -> dict[str, object]:
    first = next(iter(reads.values()), None) if reads else None
    return sees(first.value if first is not None else None)
