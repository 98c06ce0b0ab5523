"""`freeze` and `train_only`: which parameters a stage trains, and which statistics stand still."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from netspec.compiler.analyses import op_of, types_of
from netspec.compiler.select import Parameter, parameters, selected, selectors
from netspec.diagnostics import Report, Span
from netspec.ir import Graph
from netspec.ir import Node as Layer
from netspec.lang.nodes import Mapping, is_null

FREEZE, TRAIN_ONLY = "freeze", "train_only"
KEYS = (FREEZE, TRAIN_ONLY)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Trained:
    """State-dict keys of what is trained, in the network's order, and of what is not.

    `still` are the paths of layers whose statistics do not move: nothing of them is trained.
    """

    keys: tuple[str, ...]
    frozen: tuple[str, ...]
    still: tuple[str, ...]


def bind_trained(section: Mapping, graph: Graph, report: Report) -> Trained:
    """Read `freeze` and `train_only` of a section, or of one of its updates.

    Args:
        section: What has one of the keys, or none.
        graph: The network that is trained.
        report: Takes `bad-training` where both are there, `unknown-name` for a selector that selects nothing, and the
            warning `frozen-in-part`.
    """
    key = _key(section, report)
    before = len(report)
    picked = _picked(section, key, graph, report)
    if len(report) > before:
        key = None  # what was meant is not known, so nothing is said of what follows from it
    known = list(parameters(graph))
    by_key: dict[str, bool] = {}
    for each in known:
        if not each.param.buffer:
            by_key[each.key] = by_key.get(each.key, True) and not _is_frozen(each, key, picked)
    span = section.key(key).span if key is not None else None
    still = tuple(_still(graph, by_key, key, picked, span, report))
    keys, frozen = (tuple(name for name, trained in by_key.items() if trained is wanted) for wanted in (True, False))
    return Trained(keys, frozen, still)


def _key(section: Mapping, report: Report) -> str | None:
    present = [key for key in KEYS if not is_null(section.get(key))]
    if len(present) > 1:
        message = "`freeze` and `train_only` say the same in two ways; one of them is enough"
        report.error("bad-training", message, section.key(TRAIN_ONLY).span)
    return present[0] if present else None


def _picked(section: Mapping, key: str | None, graph: Graph, report: Report) -> frozenset[str]:
    """The state-dict keys that the section names, of buffers too."""
    node = section.get(key) if key is not None else None
    if node is None:
        return frozenset()
    return selected(selectors(node, report), graph, report)


def _is_frozen(each: Parameter, key: str | None, picked: frozenset[str]) -> bool:
    if each.node.frozen:
        return True
    return key is not None and (each.key in picked) is (key == FREEZE)


def _still(
    graph: Graph, trained: dict[str, bool], key: str | None, picked: frozenset[str], span: Span | None, report: Report
) -> Iterator[str]:
    """Layers with statistics none of whose parameters is trained; warns of those that are frozen in part."""
    for node in _with_statistics(graph):
        params = op_of(node).params(*types_of(node))
        own = [trained[node.key(name)] for name, param in params.items() if not param.buffer]
        buffers = [node.key(name) in picked for name, param in params.items() if param.buffer]
        frozen = not any(own) if own else key is not None and all(each is (key == FREEZE) for each in buffers)
        if frozen or node.frozen:
            yield node.path
        elif own and not all(own):
            message = f"`{node.path}` is frozen in part, and its statistics move"
            help = f"freeze the whole of `{node.path}`, or none of it"
            report.warning("frozen-in-part", message, span if span is not None else node.span, help=help)


def _with_statistics(graph: Graph) -> Iterator[Layer]:
    for node in graph.walk():
        params = op_of(node).params(*types_of(node))
        if node.owner is None and op_of(node).train_differs and any(param.buffer for param in params.values()):
            yield node
