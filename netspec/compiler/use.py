"""`use: FILE`: the document of another spec, the fit of its inputs, and the part of it that is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from netspec.compiler.extend import extended
from netspec.compiler.files import resolved
from netspec.compiler.inputs import InputTypes
from netspec.compiler.resolve import Read, resolve
from netspec.compiler.scope import Body, Entry, Env
from netspec.compiler.session import Session
from netspec.diagnostics import Label, Report, Span
from netspec.ir import Node, Value
from netspec.lang.bind import has_failed, value_of
from netspec.lang.document import Document, LayerDecl, Reference
from netspec.lang.nodes import Node as Tree
from netspec.lang.nodes import Scalar, describe, shorten
from netspec.lang.structure import structure


def used_document(session: Session, decl: LayerDecl, env: Env, report: Report) -> tuple[Document, Path] | None:
    """The document that a `use` names, and its file; None, and a report, if there is none, or it uses itself."""
    node = decl.argument
    value = value_of(node, report, env.names) if node is not None else None
    if has_failed(value):
        return None
    if not isinstance(value, str) or node is None:
        found = "nothing" if node is None else describe(node) if value in (None, "") else shorten(str(value))
        report.error("wrong-type", f"`use` takes the path of a spec, got {found}", decl.key.span)
        return None
    path = session.files.locate(value, node.span, report)
    if path is None:
        return None
    if str(path) in session.open_files:
        report.error("cycle", f"the spec {path.name} uses itself", node.span, labels=_circle(session, path, node.span))
        return None
    return _document(session, path, node, report)


def _circle(session: Session, path: Path, last: Span) -> Iterator[Label]:
    """Every step of a circle of files, by `use` or `extends`, at its place."""
    files = list(session.open_files)
    spans = [*session.open_files.values(), last][1:]
    for user, used, span in zip(files, [*files[1:], str(path)], spans, strict=True):
        if files.index(user) < files.index(str(path)) or span is None:
            continue
        here = user
        while here != resolved(span.source.name) and here in session.files.extended:
            base, place = session.files.extended[here]
            yield Label(f"{Path(here).name} extends {Path(base).name}", place)
            here = base
        yield Label(f"{Path(here).name} uses {Path(used).name}", span)


def _document(session: Session, path: Path, node: Tree, report: Report) -> tuple[Document, Path] | None:
    if path not in session.documents:
        tree = session.files.tree(path, node.span, report)
        root = extended(tree, session.files, report) if tree is not None else None
        session.documents[path] = structure(root, root.span.source, report) if root is not None else None
    document = session.documents[path]
    return None if document is None else (document, path)


def check_ports(
    session: Session, document: Document, types: InputTypes, reads: Mapping[str, Read], decl: LayerDecl,
    report: Report,
) -> bool:  # fmt: skip
    """Whether what a use reads is what the spec's inputs are; a symbol of the spec stands for any size."""
    fits = True
    for name, type in types.all():
        found = reads[name].value.type
        same = len(found.shape) == len(type.shape) and all(
            not isinstance(wanted, int) or wanted == size for wanted, size in zip(type.shape, found.shape, strict=True)
        )
        bounded = type.below in (None, found.below)  # an embedding there may have as many rows
        if not same or not bounded or found.dtype is not type.dtype:
            message = f"the input `{name}` of the spec `{document.name}` is {type}, got {found}"
            label = Label(f"{reads[name].name}  {found}", session.spans.get(reads[name].value.name))
            report.error("shape-mismatch", message, decl.reads_span or decl.key.span, labels=[label])
            fits = False
    return fits


def until(inner: Body, stop: Tree, report: Report) -> tuple[Entry | None, tuple[str, ...]]:
    """The layer that `until` names, and the names of those that it does not need: they leave the body."""
    if not isinstance(stop, Scalar):
        report.error("wrong-type", f"`until` names a layer, got {describe(stop)}", stop.span)
        return None, ()
    read = resolve(Reference(stop.text, stop.span), inner, report)
    if read is None:
        return None, ()
    needed: set[Value] = {read.value}
    owners: set[str] = set()
    kept: list[Node | Body] = []
    for node in reversed(inner.nodes):
        outputs = node.outputs if isinstance(node, Node) else node.gives()
        if needed.isdisjoint(outputs) and node.path not in owners:
            continue
        needed.update(node.inputs if isinstance(node, Node) else node.reads())
        owners |= {node.owner} if node.owner is not None else set()
        kept.append(node)
    cut = tuple(node.path.removeprefix(inner.prefix) for node in inner.nodes if node not in kept)
    inner.nodes[:] = reversed(kept)
    return Entry(stop.text, inner.prefix + stop.text, stop.span, (read.value,)), cut
