"""Other specs that a spec names with `use` and `extends`: found beside it, read once, confined to the project."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from netspec.compiler.shipped import directory, shipped
from netspec.diagnostics import Report, Source, Span, SpecError
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.nodes import Node, shorten
from netspec.lang.reader import Limits, read

# What marks the root of a project.
_MARKS = (".git", "pyproject.toml", ".hg")
_PIECE_BYTES = 2**16


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The other specs of a compilation, as they were read.

    `links` has the file that a name means, by the file where the name stands (the spec itself is the empty text);
    `texts` has the text of each file.
    """

    links: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Files:
    """The files of one compilation. Paths are relative to the file that names them.

    With a `snapshot` no file is read: names and texts are those that it holds.
    """

    source: Source
    limits: Limits
    allowed: tuple[Path, ...] = ()
    snapshot: Snapshot | None = None
    # What each file extends, and where it says so.
    extended: dict[str, tuple[str, Span]] = field(default_factory=dict)
    _trees: dict[Path, Node] = field(default_factory=dict)
    _links: dict[str, dict[str, str]] = field(default_factory=dict)

    def taken(self) -> Snapshot:
        """All that was read so far."""
        texts = {str(path): node.span.source.text for path, node in self._trees.items()}
        return Snapshot(self._links, texts)

    def locate(self, name: str, span: Span, report: Report) -> Path | None:
        """The file that a spec names at `span`, or a shipped spec; None, and a report, if there is none."""
        naming = "" if span.source.name == self.source.name else span.source.name
        path = self._on_disk(name, span, report) if self.snapshot is None else self._kept(naming, name, span, report)
        if path is not None:
            self._links.setdefault(naming, {})[name] = str(path)
        return path

    def _kept(self, naming: str, name: str, span: Span, report: Report) -> Path | None:
        assert self.snapshot is not None
        found = self.snapshot.links.get(naming, {}).get(name)
        if found is None or found not in self.snapshot.texts:
            report.error("unreadable", f"`{shorten(name)}` is not among the files that were kept with this spec", span)
            return None
        return Path(found)

    def _on_disk(self, name: str, span: Span, report: Report) -> Path | None:
        """The file of a name.

        Every link is resolved before the place is judged, so none leads out of the project.
        """
        base = _folder(span.source)
        try:
            path = (base / name).resolve()
            exists = path.exists()
        except (OSError, ValueError, RuntimeError):  # NUL bytes, names that are too long, loops of links
            report.error("unreadable", f"`{shorten(name)}` is not a path", span)
            return None
        if not exists:
            return self._shipped(name, span, report)
        roots = (project_root(self.source), directory().resolve(), *(place.resolve() for place in self.allowed))
        if not any(path.is_relative_to(root) for root in roots):
            message = f"`{shorten(name)}` lies outside of the project {roots[0]}"
            report.error("unreadable", message, span, help="put it inside, or allow its folder: `--allow DIR`")
            return None
        if not stat.S_ISREG(path.stat().st_mode):
            report.error("unreadable", f"`{shorten(name)}` is not a regular file", span)
            return None
        return path

    def _shipped(self, name: str, span: Span, report: Report) -> Path | None:
        known = shipped()
        if name in known:
            return known[name].resolve()
        help = did_you_mean(name, known)
        report.error("unknown-spec", f"there is no file and no shipped spec `{shorten(name)}`", span, help=help)
        return None

    def tree(self, path: Path, span: Span, report: Report) -> Node | None:
        """The tree of a file; None, and a report, if it cannot be read."""
        if path in self._trees:
            return self._trees[path]
        if len(self._trees) >= self.limits.files:
            report.error("too-large", f"more than {self.limits.files} files", span)
            return None
        try:
            self._trees[path] = read(Source(str(path), self._text(path)), self.limits)
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "not UTF-8 text"
            report.error("unreadable", f"cannot read {path}: {reason.lower()}", span)
            return None
        except SpecError as error:
            for diagnostic in error.diagnostics:
                report.add(diagnostic)
            return None
        return self._trees[path]

    def _text(self, path: Path) -> str:
        if self.snapshot is not None:
            return self.snapshot.texts[str(path)]
        with path.open("rb") as file:
            return head(file, self.limits).decode("utf-8-sig")


def head(file: BinaryIO, limits: Limits) -> bytes:
    """A file, or more of it than `limits` allow: bit by bit, since a read of so many bytes takes the memory for all."""
    found = bytearray()
    while len(found) <= limits.size_bytes and (piece := file.read(_PIECE_BYTES)):
        found += piece
    return bytes(found)


def project_root(source: Source) -> Path:
    """The nearest folder around a file that is the root of a project, or the file's own."""
    folder = _folder(source).resolve()
    marked = (place for place in (folder, *folder.parents) if any((place / mark).exists() for mark in _MARKS))
    return next(marked, folder)


def resolved(name: str) -> str:
    """The name of a source with all links resolved, if it is a path; else as it is."""
    try:
        return str(Path(name).resolve()) if Path(name).is_file() else name
    except (OSError, ValueError, RuntimeError):
        return name


def _folder(source: Source) -> Path:
    path = Path(source.name)
    try:
        return path.resolve().parent if path.is_file() else Path()
    except (OSError, ValueError):
        return Path()
