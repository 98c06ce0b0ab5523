"""What a network starts from when it is built: the files that `weights:` and `use: {weights}` name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from netspec.compiler.files import project_root
from netspec.compiler.select import Selector
from netspec.compiler.spec import Spec
from netspec.diagnostics import Report, SpecError
from netspec.ir import Graph, Node, Region, Tie
from netspec.lang.folder import folder_of
from netspec.weights.bind import Weights, bind_weights


@dataclass(frozen=True, slots=True)
class Start:
    """The weights of the network, or of the spec that is used at `path`, whose own keys the file has.

    `cut` are layers of that spec that `until` left out: what the file has of them is skipped.
    """

    path: str
    weights: Weights
    cut: tuple[str, ...] = ()


def bind_starts(spec: Spec, report: Report) -> tuple[Start, ...]:
    """The files that a spec names, in the order in which they are loaded; what is wrong goes to `report`."""
    found = []
    for section in spec.weights:
        source = section.node.span.source
        folder = folder_of(source, project_root(spec.source), *spec.allowed)
        weights = bind_weights(section.node, folder, report)
        if weights is not None and not weights.path.is_file():
            help = "the network cannot be built without it; `netspec check` only says so"
            report.warning("data-file", f"`{weights.file}` is not there", weights.span, help=help)
        if weights is not None:
            found.append(Start(section.path, weights, section.cut))
    return tuple(found)


def starts(spec: Spec) -> tuple[Start, ...]:
    """As `bind_starts`.

    Raises:
        SpecError: a section is wrong.
    """
    report = Report()
    found = bind_starts(spec, report)
    if report.has_errors:
        raise SpecError(report.diagnostics)
    return found


def part(graph: Graph, path: str) -> Graph:
    """The graph at a path, its layers and keys named from there; the graph itself for the empty path."""
    if not path:
        return graph
    region = next(each for each in graph.regions() if each.path == path)
    return _relative(region.body, len(path) + 1)


def _relative(graph: Graph, skip: int) -> Graph:
    return replace(graph, nodes=tuple(_renamed(node, skip) for node in graph.nodes))


def _renamed(node: Node | Region, skip: int) -> Node | Region:
    owner = None if node.owner is None else node.owner[skip:]
    if isinstance(node, Region):
        return replace(node, path=node.path[skip:], owner=owner, body=_relative(node.body, skip))
    ties = {name: Tie(tie.key[skip:], tie.transpose) for name, tie in node.ties.items()}
    return replace(node, path=node.path[skip:], owner=owner, ties=ties)


def skipping(start: Start, keys: Iterable[str]) -> Weights:
    """The weights of a start, without what the file has of layers that were cut off."""
    heads = {key.partition(".")[0] for key in keys}
    gone = tuple(Selector("path", name, start.weights.span) for name in start.cut if name in heads)
    mapping = start.weights.mapping
    return replace(start.weights, mapping=replace(mapping, skip=(*mapping.skip, *gone)))
