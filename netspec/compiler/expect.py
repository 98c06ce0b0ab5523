"""The `expect` section: what a network must measure up to, checked each at its own line."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf

from netspec.compiler.analyses import layers, totals
from netspec.diagnostics import Report
from netspec.diagnostics.suggest import did_you_mean
from netspec.ir import Dim, Graph
from netspec.lang.document import Document
from netspec.lang.nodes import Mapping, Node, Scalar, describe, plain

_KEYS = ("params", "params_train", "macs", "shapes", "params_of", "layers", "receptive_field")


def check_expect(document: Document, graph: Graph, report: Report) -> None:
    """Report `expect` for every number that is not what the network has."""
    if document.expect is not None:
        _Expectations(graph, report).check(document.expect)


class _Expectations:
    def __init__(self, graph: Graph, report: Report) -> None:
        self._report = report
        sums = totals(graph)
        self._numbers = {
            "params": sums.num_params,
            "params_train": sums.num_params,
            "macs": sums.macs,
            "layers": sums.weight_layers,
        }
        self._rows = {row.path: row for row in layers(graph)}
        self._shapes = {value.name: value.type.shape for value in graph.inputs}
        self._shapes |= {path: row.output.shape for path, row in self._rows.items()}
        self._shapes |= {region.path: region.outputs[0].type.shape for region in graph.regions() if region.outputs}
        self._last = graph.outputs[0].name if graph.outputs else None

    def check(self, section: Mapping) -> None:
        for key, node in section:
            if key.text in self._numbers:
                self._compare(f"`{key.text}`", node, self._numbers[key.text])
            elif key.text == "shapes":
                self._each(node, "shapes", {path: list(shape) for path, shape in self._shapes.items()})
            elif key.text == "params_of":
                self._each(node, "params_of", self._params_by_path())
            elif key.text == "receptive_field":
                self._receptive_field(node)
            else:
                message = f"`expect` has no key `{key.text}`"
                self._report.error("unknown-key", message, key.span, help=did_you_mean(key.text, _KEYS))

    def _params_by_path(self) -> dict[str, int]:
        """Parameters of every layer and of every group above it."""
        found: dict[str, int] = {}
        for path, row in self._rows.items():
            parts = path.split(".")
            for end in range(1, len(parts) + 1):
                prefix = ".".join(parts[:end])
                found[prefix] = found.get(prefix, 0) + row.num_params
        return found

    def _receptive_field(self, node: Node) -> None:
        row = self._rows.get(self._last or "")
        field = list(row.receptive_field) if row and row.receptive_field else None
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
        expected = plain(node)
        if expected != found or isinstance(expected, bool):
            message = f"{what} is {_show(found)}, expected {_show(expected)}"
            self._report.error("expect", message, node.span)


def _show(value: object) -> str:
    return f"{value:,}" if isinstance(value, int | Dim) and not isinstance(value, bool) else str(value)
