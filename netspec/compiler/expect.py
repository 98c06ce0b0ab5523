"""The `expect` section: what a network must measure up to, checked each at its own line."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf

from netspec.compiler.analyses import counts, own_params
from netspec.compiler.elaborate import elaborate
from netspec.compiler.files import Files
from netspec.compiler.named import named_values
from netspec.diagnostics import Label, Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Dim, Graph, symbol, symbols_of
from netspec.lang.bind import FAILED, has_failed, value_of
from netspec.lang.document import Document
from netspec.lang.expressions import ExpressionError, evaluate
from netspec.lang.nodes import Mapping, Node, Scalar, Sequence, describe, plain
from netspec.ops.base import trainable

KEYS = ("params", "params_train", "macs", "shapes", "params_of", "layers", "receptive_field")


def check_expect(document: Document, graph: Graph, files: Files, report: Report) -> None:
    """Report `expect` for every number that is not what the network has; a case with `set` is another network."""
    section = document.expect
    if isinstance(section, Mapping):
        _Expectations(graph, report).check(section)
    elif isinstance(section, Sequence):
        for case in section:
            assert isinstance(case, Mapping), "checked with the form of the document"
            _check_case(document, graph, files, case, report)


def _check_case(document: Document, graph: Graph, files: Files, case: Mapping, report: Report) -> None:
    settings = _settings(case.get("set"), document, report)
    if settings is None:
        return
    if settings:
        inner = Report()
        found = elaborate(document, inner, files=files, settings=settings)
        if found is None:
            place = case.key("set").span
            first = next(iter(inner), None)
            message = f"with these arguments the network is wrong: {first.message}" if first else "no network"
            report.error("expect", message, place, labels=[Label(first.location)] if first else ())
            return
        graph = found.graph
    rest = {key: entry for key, entry in case.entries.items() if key != "set"}
    _Expectations(graph, report).check(Mapping(rest, case.span))


def _settings(node: Node | None, document: Document, report: Report) -> dict[str, tuple[object, Span]] | None:
    """The arguments that a case sets."""
    if node is None:
        return {}
    if not isinstance(node, Mapping):
        report.error("wrong-type", f"`set` is a mapping of arguments, got {describe(node)}", node.span)
        return None
    strange = [key for key, _ in node if key.text not in document.args]
    for key in strange:
        message = f"the spec has no argument `{key.text}`"
        report.error("unknown-name", message, key.span, help=did_you_mean(key.text, document.args))
    return None if strange else {key.text: (value_of(value, report, {}), value.span) for key, value in node}


class _Expectations:
    def __init__(self, graph: Graph, report: Report) -> None:
        self._graph = graph
        self._report = report
        sizes = [size for value in graph.inputs for size in value.type.shape]
        atoms = {each for size in sizes for each in symbols_of(size)}
        self._symbols = {each.name: symbol(each.name, each.least, each.most, each.multiple_of) for each in atoms}

    def check(self, section: Mapping) -> None:
        sums = counts(self._graph)
        numbers = {
            "params": sums.num_params,
            "params_train": sums.num_params_train,
            "macs": sums.macs,
            "layers": sums.weight_layers,
        }
        for key, node in section:
            if key.text in numbers:
                self._compare(f"`{key.text}`", node, numbers[key.text])
            elif key.text == "shapes":
                self._each(node, "shapes", self._shapes())
            elif key.text == "params_of":
                self._each(node, "params_of", self._params_by_path())
            elif key.text == "receptive_field":
                self._receptive_field(node)
            else:
                message = f"`expect` has no key `{key.text}`"
                self._report.error("unknown-key", message, key.span, help=did_you_mean(key.text, KEYS))

    def _shapes(self) -> dict[str, object]:
        """Of inputs, layers and groups, by path, and of outputs of what has several."""
        values = {value.name: value for value in self._graph.inputs} | named_values(self._graph)
        return {path: list(value.type.shape) for path, value in values.items()}

    def _params_by_path(self) -> dict[str, int]:
        """Parameters of every layer and of every group above it."""
        found: dict[str, int] = {}
        for node in self._graph.walk():
            count = trainable(own_params(node))
            parts = node.path.split(".")
            for end in range(1, len(parts) + 1):
                prefix = ".".join(parts[:end])
                found[prefix] = found.get(prefix, 0) + count
        return found

    def _receptive_field(self, node: Node) -> None:
        from netspec.compiler.receptive import receptive_fields  # few specs expect one

        last = self._graph.outputs[0].name if self._graph.outputs else ""
        fields = receptive_fields(self._graph).get(last)
        field = list(fields) if fields else None
        square = field is not None and len(set(field)) == 1 and isinstance(node, Scalar)
        self._compare("`receptive_field`", node, field[0] if field and square else field)

    def _each(self, node: Node, key: str, found: MappingOf[str, object]) -> None:
        if not isinstance(node, Mapping):
            self._report.error("wrong-type", f"`{key}` is a mapping of layers, got {describe(node)}", node.span)
            return
        for path, expected in node:
            if path.text in found:
                self._compare(f"`{key}` of `{path.text}`", expected, found[path.text])
            else:
                help = did_you_mean(path.text, found)
                self._report.error("unknown-name", f"no layer has the path `{path.text}`", path.span, help=help)

    def _compare(self, what: str, node: Node, found: object) -> None:
        expected = self._expected(node)
        if has_failed(expected):
            return
        if expected != found or isinstance(expected, bool):
            message = f"{what} is {_show(found)}, expected {_show(expected)}"
            self._report.error("expect", message, node.span)

    def _expected(self, node: Node) -> object:
        """The value as written; a text is an expression over the network's symbols."""
        if isinstance(node, Sequence):
            items = [self._expected(item) for item in node]
            return next((item for item in items if has_failed(item)), items)
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return plain(node)
        try:
            return evaluate(node.text.removeprefix("="), self._symbols)
        except ExpressionError as error:
            start = node.span.start + node.quoted + node.text.startswith("=") + error.offset
            span = Span(node.span.source, start, start + error.length)
            self._report.error("bad-expression", error.message, span, help=error.help)
            return FAILED


def _show(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | Dim) and not isinstance(value, bool) else str(value)
