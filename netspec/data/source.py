"""`data:`, `validation:` and `test:` of a spec: which readers, with which arguments, under which names.

A source is one reader, `{READER: {...}}`; a list of sources, whose fields stand side by side; or `{chain: [...]}`,
whose samples come one after the other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping as MappingOf
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

from netspec.data.field import Field
from netspec.data.readers import LATER, READERS, Reader, Split
from netspec.diagnostics import DataError, Diagnostic, Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.bind import bind
from netspec.lang.document import VocabDecl
from netspec.lang.folder import Folder
from netspec.lang.nodes import Mapping, Node, Sequence, describe

if TYPE_CHECKING:
    from netspec.data.samples import Samples

CHAIN = "chain"
Vocabs = MappingOf[str, VocabDecl] | None


@dataclass(frozen=True, slots=True, eq=False)
class SampleSource(ABC):
    """Where samples come from; their fields are known before any is read."""

    fields: dict[str, Field]
    span: Span

    @property
    @abstractmethod
    def name(self) -> str:
        """What messages call it."""

    @abstractmethod
    def load(self) -> Samples:
        """All samples.

        Raises:
            DataError: `data-file`, `data-value`.
        """

    @abstractmethod
    def own(self, split: Split) -> SampleSource | None:
        """The source's own part for validation or test, if it has one."""

    @abstractmethod
    def is_same(self, other: SampleSource) -> bool:
        """Whether another source gives the same samples."""


@dataclass(frozen=True, slots=True, eq=False)
class ReaderSource(SampleSource):
    """One reader."""

    reader: Reader
    folder: Folder

    @property
    def name(self) -> str:
        return self.reader.name

    def load(self) -> Samples:
        samples, reader = self.reader.load(self.folder), self.reader
        if reader.skip or reader.take is not None:
            samples = samples.part(reader.skip, reader.take, self.name)
        return samples.rename(reader.fields)

    def own(self, split: Split) -> SampleSource | None:
        reader = self.reader.own(split)
        if reader is None:
            return None
        # Which samples are taken is said of this split only.
        whole = reader.model_copy(update={"skip": 0, "take": None})
        return ReaderSource(self.fields, self.span, whole, self.folder)

    def is_same(self, other: SampleSource) -> bool:
        return isinstance(other, ReaderSource) and (self.reader, self.folder) == (other.reader, other.folder)


@dataclass(frozen=True, slots=True, eq=False)
class _Several(SampleSource):
    parts: tuple[SampleSource, ...]

    @property
    def name(self) -> str:
        return ", ".join(dict.fromkeys(part.name for part in self.parts))

    def own(self, split: Split) -> SampleSource | None:
        own = [found for found in (part.own(split) for part in self.parts) if found is not None]
        return type(self)(self.fields, self.span, tuple(own)) if len(own) == len(self.parts) else None

    def is_same(self, other: SampleSource) -> bool:
        if type(self) is not type(other) or not isinstance(other, _Several) or len(self.parts) != len(other.parts):
            return False
        return all(mine.is_same(its) for mine, its in zip(self.parts, other.parts, strict=True))


class ZippedSource(_Several):
    """Sources whose fields stand side by side, sample by sample."""

    def load(self) -> Samples:
        loaded = [part.load() for part in self.parts]
        for part, samples in zip(self.parts, loaded, strict=True):
            if len(samples) != len(loaded[0]):
                message = f"{len(samples):,} samples stand beside {len(loaded[0]):,} of {self.parts[0].name}"
                raise DataError.at(part.name, "data-file", message)
        return reduce(lambda left, right: left.beside(right), loaded)


class ChainedSource(_Several):
    """Sources with equal fields, one after the other."""

    def load(self) -> Samples:
        first, *others = [part.load() for part in self.parts]
        return first.followed_by(others)


def bind_source(node: Node, folder: Folder, report: Report, vocabs: Vocabs = None) -> SampleSource | None:
    """What `data` or a split says, or None if something is wrong with it.

    Args:
        node: As it stands in the spec.
        folder: Where its files are looked up. Headers of files are read here, data are not.
        report: Takes `unknown-training`, `not-supported`, `data-file`, `bad-training` and what `bind` reports.
        vocabs: Those of the spec, for readers of text.

    Raises:
        UnavailableError: a reader needs a package that is not installed.
    """
    if isinstance(node, Sequence) and len(node) > 0:
        return _zipped(node, folder, report, vocabs)
    if not (isinstance(node, Mapping) and len(node) == 1):
        message = f"data come from one reader, as in `{{mnist: {{}}}}`, or a list of them, got {describe(node)}"
        report.error("wrong-type", message, node.span)
        return None
    ((key, argument),) = node
    if key.text == CHAIN:
        return _chained(argument, key.span, folder, report, vocabs)
    model = READERS.get(key.text)
    if model is None:
        _unknown(key.text, key.span, report)
        return None
    reader = bind(model, argument, report, span=key.span, what=f"the reader {key.text}")
    return None if reader is None else _declared(reader, folder, key.span, report, vocabs or {})


def _zipped(node: Sequence, folder: Folder, report: Report, vocabs: Vocabs) -> SampleSource | None:
    parts = _parts(node.items, folder, report, vocabs)
    if parts is None or len(parts) == 1:
        return parts[0] if parts else None
    fields: dict[str, Field] = {}
    for part in parts:
        twice = fields.keys() & part.fields.keys()
        if twice:
            name = sorted(twice)[0]
            help = f"`fields: {{OTHER: {name}}}` in one of the readers renames it"
            report.error("bad-training", f"two readers side by side have a field `{name}`", part.span, help=help)
            return None
        fields |= part.fields
    return ZippedSource(fields, node.span, parts)


def _chained(node: Node, span: Span, folder: Folder, report: Report, vocabs: Vocabs) -> SampleSource | None:
    if not isinstance(node, Sequence) or len(node) == 0:
        report.error("wrong-type", f"`chain` is a list of readers, got {describe(node)}", node.span)
        return None
    parts = _parts(node.items, folder, report, vocabs)
    if parts is None:
        return None
    first = parts[0].fields
    for part in parts[1:]:
        for name in dict.fromkeys((*first, *part.fields)):
            before, here = first.get(name), part.fields.get(name)
            if before != here:
                message = f"field `{name}` is {here or 'absent'} here, and {before or 'absent'} before"
                report.error("bad-training", message, part.span)
                return None
    return ChainedSource(first, span, parts)


def _parts(nodes: SequenceOf[Node], folder: Folder, report: Report, vocabs: Vocabs) -> tuple[SampleSource, ...] | None:
    found = [bind_source(node, folder, report, vocabs) for node in nodes]
    parts = tuple(part for part in found if part is not None)
    return parts if len(parts) == len(found) else None


def _declared(
    reader: Reader, folder: Folder, span: Span, report: Report, vocabs: MappingOf[str, VocabDecl]
) -> SampleSource | None:
    try:
        reader = reader.with_vocabs(vocabs)
        own = reader.declare(folder)
    except DataError as error:
        for found in error.diagnostics:
            report.add(Diagnostic(found.code, f"{found.place}: {found.message}", span, help=found.help))
        return None
    strange = [name for name in reader.fields.values() if name not in own]
    for name in strange:
        message = f"the reader {reader.name} has no field `{name}`"
        report.error("unknown-name", message, span, help=did_you_mean(name, own))
    if strange:
        return None
    kept = {name: field for name, field in own.items() if name not in reader.fields.values()}
    fields = kept | {new: own[name] for new, name in reader.fields.items()}
    return ReaderSource(fields, span, reader, folder)


def _unknown(name: str, span: Span, report: Report) -> None:
    if name in LATER:
        report.error("not-supported", f"the reader `{name}` is not in this release", span)
    else:
        message = f"no reader is called `{name}`"
        report.error("unknown-training", message, span, help=did_you_mean(name, (*READERS, CHAIN)))
