"""Paths, names and texts -> checked specs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from netspec.compiler.advise import advise
from netspec.compiler.elaborate import elaborate
from netspec.compiler.expect import check_expect
from netspec.compiler.extend import extended, with_argument, with_settings
from netspec.compiler.files import Files, Snapshot, head
from netspec.compiler.sections import with_values
from netspec.compiler.shipped import shipped
from netspec.compiler.spec import Spec
from netspec.diagnostics import NetspecError, Report, Source, SpecError
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.nodes import Mapping, shorten
from netspec.lang.reader import Limits, collector_off, read
from netspec.lang.structure import structure


def load(ref: str | Path) -> Spec:
    """Read and check a spec: a path, `-` for the standard input, or the name of a shipped one.

    Raises:
        SpecError: every mistake found, in the order of the file.
        NetspecError: `unknown-spec`, `unreadable`.
    """
    return compile_source(read_source(ref, Limits()))


def compile_source(
    source: Source,
    *,
    limits: Limits | None = None,
    settings: Sequence[str] = (),
    allowed: tuple[Path, ...] = (),
    snapshot: Snapshot | None = None,
) -> Spec:
    """Check a spec's text.

    Args:
        source: The text. Other specs that it names are found relative to the file that its name is.
        limits: Budgets that no spec can raise.
        settings: `NAME=VALUE`, arguments and keys to be set before anything is checked.
        allowed: Folders outside of the project from which other specs may be read.
        snapshot: Other specs that take the place of files.

    Raises:
        SpecError: every mistake found, in the order of the file.
        NetspecError: `bad-setting`.
    """
    report = Report()
    files = Files(source, limits or Limits(), allowed, snapshot)
    with collector_off():
        root = extended(read(source, files.limits), files, report)
        if root is not None:
            root = with_settings(root, settings, report)
        document = structure(root, source, report) if root is not None else None
        found = elaborate(document, report, files=files) if document is not None else None
        if document is not None and found is not None:
            check_expect(document, found.graph, files, report)
            advise(found.graph, report)
            document = with_values(document, found.names, found.preprocess, report)
    if report.has_errors or document is None or found is None:
        raise SpecError(report.diagnostics)
    return Spec(
        source,
        document,
        found.graph,
        report.diagnostics,
        settings=tuple(settings),
        weights=found.weights,
        allowed=allowed,
        others=files.taken(),
    )


def with_arguments(spec: Spec, values: Mapping, report: Report) -> Spec | None:
    """The same spec with other values of some arguments, or None where `report` says what is wrong.

    What it expects of itself it expects with its own arguments, so that is not checked. The settings of the result make
    it of the text again.
    """
    root = spec.document.root
    known = root.get("args")
    for key, value in values:
        if not isinstance(known, Mapping) or key.text not in known:
            names = known.entries if isinstance(known, Mapping) else ()
            message = f"the spec has no argument `{shorten(key.text)}`"
            report.error("unknown-name", message, key.span, help=did_you_mean(key.text, names))
            return None
        root = with_argument(root, key.text, value)
    own = Report()
    files = Files(spec.source, Limits(), spec.allowed, spec.others)
    with collector_off():
        document = structure(root, spec.source, own)
        found = elaborate(document, own, files=files) if document is not None else None
        if document is not None and found is not None:
            document = with_values(document, found.names, found.preprocess, own)
    for diagnostic in own:
        if diagnostic.is_error:
            report.add(diagnostic)
    if own.has_errors or document is None or found is None:
        return None
    from netspec.compiler.yaml_text import flow  # few specs are given other arguments

    settings = (*spec.settings, *(f"{key.text}={flow(value)}" for key, value in values))
    return replace(spec, document=document, graph=found.graph, settings=settings, weights=found.weights)


def read_source(ref: str | Path, limits: Limits) -> Source:
    """The text that a reference names.

    Raises:
        NetspecError: `unknown-spec`, `unreadable`, `yaml-limit`.
    """
    if str(ref) == "-":
        if sys.stdin is None:
            raise NetspecError.at("<stdin>", "unreadable", "the standard input is closed")
        return _decode("<stdin>", head(sys.stdin.buffer, limits), limits)
    path = Path(ref)
    try:
        path = _locate(ref)
        with path.open("rb") as file:
            return _decode(str(path), head(file, limits), limits)
    except OSError as error:
        reason = (error.strerror or type(error).__name__).lower()
        raise NetspecError.at(str(path), "unreadable", f"cannot read: {reason}") from None


def _locate(ref: str | Path) -> Path:
    path = Path(ref)
    if path.is_file():
        return path
    if isinstance(ref, str) and ref in (known := shipped()):
        return known[ref]
    if path.exists():
        raise NetspecError.at(str(ref), "unreadable", "not a regular file")
    help = did_you_mean(str(ref), shipped()) or "`netspec list` shows the shipped specs"
    raise NetspecError.at(str(ref), "unknown-spec", "no file and no shipped spec has this name", help=help)


def _decode(name: str, data: bytes, limits: Limits) -> Source:
    if len(data) > limits.size_bytes:
        raise NetspecError.at(name, "yaml-limit", f"the file is larger than {limits.size_bytes:,} bytes")
    try:
        return Source(name, data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        message = f"not UTF-8 text: byte 0x{data[error.start]:02x} in line {line}"
        raise NetspecError.at(name, "unreadable", message) from None
