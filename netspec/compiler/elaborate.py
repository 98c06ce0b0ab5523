"""Document + ops -> graph: names are resolved, attributes validated, shapes inferred, in one walk.

A layer may read `in_channels`, so shapes must be known as it is elaborated. What fails is reported once; whatever
depends on it stays silent, so that one run reports all mistakes and each only once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from netspec.compiler.budget import Budget, OutOfBudget
from netspec.compiler.chain import Chains
from netspec.compiler.count import check_count
from netspec.compiler.cycles import check_cycles
from netspec.compiler.files import Files, resolved
from netspec.compiler.inputs import InputTypes
from netspec.compiler.passes.deployed import runs_in_training_only, training_values
from netspec.compiler.resolve import resolve
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.session import Session
from netspec.compiler.spec import WeightsSection
from netspec.compiler.values import bind_arguments
from netspec.diagnostics import Report, Span
from netspec.ir import DType, Graph, Input, Scan, TensorType, Value
from netspec.lang.document import Document
from netspec.lang.nodes import Node, Scalar, words
from netspec.lang.reader import Limits
from netspec.ops.registry import is_shipped

Settings = Mapping[str, tuple[object, Span]]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Elaborated:
    """What a document means: its graph, where weights are, what its arguments are, and steps that inputs inherit."""

    graph: Graph
    weights: tuple[WeightsSection, ...]
    names: Mapping[str, object]
    # By input, where a spec that is used brings its own.
    preprocess: Mapping[str, Node]


def elaborate(
    document: Document, report: Report, *, files: Files | None = None, settings: Settings | None = None
) -> Elaborated | None:
    """What a document means, or None where `report` has errors that leave nothing.

    Args:
        document: A spec, checked for form.
        report: Takes every mistake.
        files: Where other specs that it uses are read from.
        settings: Values of arguments in place of their defaults.
    """
    files = files or Files(document.source, Limits())
    session = Session(report, Budget(files.limits), files)
    session.open_files[resolved(document.source.name)] = None
    try:
        return _Network(document, session, settings or {}).elaborated()
    except OutOfBudget:
        return None


class _Network:
    def __init__(self, document: Document, session: Session, settings: Settings) -> None:
        self._document = document
        self._session = session
        self._report = session.report
        self._settings = settings
        self._lengths: dict[str, Value] = {}

    def elaborated(self) -> Elaborated | None:
        self._check_block_names()
        names = self._names()
        if names is None or not check_cycles(self._document, self._report):
            return None
        graph = self._graph(names)
        if graph is None:
            return None
        own = self._document.weights
        weights = (*self._session.weights, *WeightsSection.each("", own))
        return Elaborated(graph, weights, names, self._session.preprocess)

    def _graph(self, names: dict[str, object]) -> Graph | None:
        document = self._document
        env = Env(document, names)
        root = Body(document.name, env)
        check_count(document, names, self._session.files, self._report)
        inputs = self._inputs(root, env)
        if document.init is not None:
            from netspec.compiler.rules import spec_rules  # most specs have no rules, and need none of it

            self._session.inits = spec_rules(document, env, self._report)
        last = Chains(self._session).chain(root, document.layers)
        outputs = self._outputs(root, last)
        if self._report.has_errors:
            return None
        self._warn_unread(root, last)
        graph = root.freeze(inputs, tuple(outputs.values()), tuple(outputs))
        graph = replace(graph, lengths=self._lengths) if self._lengths else graph
        self._check_evaluation(graph)
        if self._session.inits:
            from netspec.compiler.rules import check_used

            check_used(self._session.inits, graph, self._report)
        return None if self._report.has_errors else graph

    def _check_evaluation(self, graph: Graph) -> None:
        """Report what would be missing in evaluation: all of the network, or a part of what a scan's steps give."""
        training = training_values(graph)
        if training.issuperset(graph.outputs):
            root_key = self._document.root.key("outputs" if self._document.outputs is not None else "layers")
            message = "nothing is left of the network in evaluation: all its outputs exist in training only"
            self._report.error("bad-layer", message, root_key.span, help="name one in `outputs` that always exists")
        for scan in (region for region in graph.regions() if training and isinstance(region, Scan)):
            if not training.isdisjoint(scan.body.outputs) and not runs_in_training_only(scan, training):
                message = f"the cell `{scan.definition}` gives a value that exists in training only"
                help = "a layer behind the scan can have `only: train`"
                span = self._session.spans.get(scan.outputs[0].name, scan.span)
                self._session.at(scan.path, scan.origin).error("bad-layer", message, span, help=help)

    def _check_block_names(self) -> None:
        for name, block in self._document.blocks.items():
            if block is not None and is_shipped(name):
                message = f"an op is called `{name}` too"
                self._report.error("duplicate-name", message, block.name.span, help="give the block another name")

    def _names(self) -> dict[str, object] | None:
        """What expressions of the file see: vocabularies, by their size, and arguments."""
        document = self._document
        for name in document.args.keys() & document.vocabs.keys():
            message = f"a vocabulary is called `{name}` too"
            self._report.error("duplicate-name", message, document.args[name].name.span)
        sizes: dict[str, object] = {name: vocab.size for name, vocab in document.vocabs.items()}
        args = bind_arguments(document.args, self._settings, sizes, None, "the spec", self._report)
        return None if args is None else sizes | args

    def _inputs(self, root: Body, env: Env) -> tuple[Value, ...]:
        types = InputTypes(self._document, env, self._report)
        for name, decl in self._document.inputs.items():
            value = types.value(decl) if decl else None
            values = (value,) if value is not None else ()
            span = decl.name.span if decl else None
            if span is not None:
                self._session.spans[name] = span
            root.entries[name] = Entry(name, name, span, values, is_read=True)
        root.env = replace(root.env, fixed=types.fixed)
        entries = list(root.entries.values())
        if len(entries) == 1 and entries[0].outputs:
            root.input = entries[0].outputs[0]
        self._enter_lengths(root, types.lengths())
        found = [value for entry in root.entries.values() for value in entry.outputs]
        # What the evaluated network lacks comes last, so that its inputs are called in the same order.
        return tuple(sorted(found, key=lambda value: isinstance(value, Input) and value.only_train))

    def _enter_lengths(self, root: Body, named: Mapping[str, Scalar]) -> None:
        """The inputs that hold lengths stand behind those that are written."""
        for symbol, name in named.items():
            if name.text in self._document.inputs:
                message = f"an input is called `{name.text}` too; that of lengths is not written among the inputs"
                self._report.error("duplicate-name", message, name.span)
                continue
            if name.text not in root.entries:
                value = Value(name.text, TensorType((), DType.INT64))
                self._session.spans[name.text] = name.span
                root.entries[name.text] = Entry(name.text, name.text, name.span, (value,), is_read=True)
            self._lengths[symbol] = root.entries[name.text].outputs[0]

    def _outputs(self, root: Body, last: Entry | None) -> dict[str, Value]:
        declared = self._document.outputs
        if declared is None and last is None and not self._report.has_errors:
            span = self._document.root.key("layers").span
            self._report.error("bad-layer", "none of the layers is there", span)
        if declared is None:
            return {last.path: last.outputs[0]} if last is not None and last.outputs else {}
        for name in declared.keys() & self._document.inputs.keys():
            if declared[name].text != name:
                message = f"an input is called `{name}` too"
                self._report.error("duplicate-name", message, declared[name].span, help="give the output another name")
        found = {name: resolve(reference, root, self._report) for name, reference in declared.items()}
        return {name: read.value for name, read in found.items() if read is not None}

    @cached_property
    def _named_in_training(self) -> frozenset[str]:
        """All words of the `train` section: a loss reads the layers that it names."""
        train = self._document.train
        return frozenset(words(train)) if train is not None else frozenset()

    def _warn_unread(self, body: Body, last: Entry | None) -> None:
        """Warn of layers that nobody reads; each once, however often its block is used."""
        for entry in body.entries.values():
            inner = entry.body
            if inner is not None and inner.env.document is self._document:
                ends = list(inner.entries.values())
                self._warn_unread(inner, ends[-1] if ends else None)
            is_output = entry is last and (body.parent is not None or self._document.outputs is None)
            if entry.is_read or is_output or entry.presence == "head" or entry.absent or not entry.path:
                continue
            if entry.path in self._named_in_training:
                continue
            message = f"nobody reads the layer `{entry.path}`"
            report = self._session.at(entry.path, body.origin)
            report.warning("unused-layer", message, entry.span, help="read it with `from`, or delete it")
