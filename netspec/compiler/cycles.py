"""Blocks that use themselves, shown whole: every edge of the cycle at its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netspec.diagnostics import Label, Report, Span
from netspec.lang.document import BlockDecl, Document, LayerDecl, Layers, Parallel
from netspec.lang.nodes import Scalar
from netspec.lang.scans import cell_of


def check_cycles(document: Document, report: Report) -> bool:
    """Whether no block uses itself; reports `cycle` for each chain of blocks that does."""
    edges = {name: list(_used(block, document)) for name, block in document.blocks.items() if block is not None}
    done: set[str] = set()
    sound = True
    for start in edges:
        # Depth first with a stack of our own: a chain of blocks may be longer than Python's.
        path: list[tuple[str, Scalar | None, Iterator[Scalar]]] = [(start, None, iter(edges[start]))]
        while path:
            key = next(path[-1][2], None)
            if key is None:
                done.add(path.pop()[0])
                continue
            names = [name for name, _, _ in path]
            if key.text in names:
                sound = False
                _report(path[names.index(key.text) :], key, report)
            elif key.text in edges and key.text not in done:
                path.append((key.text, key, iter(edges[key.text])))
    return sound


def _report(path: list[tuple[str, Scalar | None, Iterator[Scalar]]], last: Scalar, report: Report) -> None:
    steps = [*(key.span for _, key, _ in path[1:] if key is not None), last.span]
    report_cycle([name for name, _, _ in path], steps, report)


def report_cycle(names: Sequence[str], steps: Sequence[Span], report: Report) -> None:
    """Report blocks of which each uses the next and the last one the first, at `steps`."""
    used = [*names[1:], names[0]]
    labels = [Label(f"{user} uses {key}", span) for user, key, span in zip(names, used, steps, strict=True)]
    chain = " -> ".join([*names[:8], *(["..."] if len(names) > 8 else []), names[0]])
    report.error("cycle", f"a block uses itself: {chain}", steps[-1], labels=labels)


def _used(block: BlockDecl, document: Document) -> Iterator[Scalar]:
    yield from _in_parallel(block.parallel, document)
    yield from _in_layers(block.layers, document)


def _in_layers(layers: Layers, document: Document) -> Iterator[Scalar]:
    for layer in layers:
        if layer is not None:
            yield from _in_layer(layer, document)


def _in_layer(layer: LayerDecl, document: Document) -> Iterator[Scalar]:
    if layer.key.text in document.blocks:
        yield layer.key
    if layer.key.text == "op" and isinstance(layer.argument, Scalar) and layer.argument.text in document.blocks:
        yield layer.argument
    if layer.key.text == "scan" and (cell := cell_of(layer.argument)) is not None and cell[0].text in document.blocks:
        yield cell[0]
    yield from _in_layers(layer.body or (), document)
    yield from _in_parallel(layer.parallel, document)


def _in_parallel(parallel: Parallel | None, document: Document) -> Iterator[Scalar]:
    for branch in parallel.branches if parallel is not None else ():
        yield from _in_layers(branch.layers, document)
