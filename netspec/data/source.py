"""`data:`, `validation:` and `test:` of a spec: which reader, with which arguments, under which names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from netspec.data.field import Field
from netspec.data.readers import LATER, READERS, Reader, Split
from netspec.diagnostics import DataError, Diagnostic, Report, Span
from netspec.diagnostics.suggest import did_you_mean
from netspec.lang.bind import bind
from netspec.lang.folder import Folder
from netspec.lang.nodes import Mapping, Node, Sequence, describe

if TYPE_CHECKING:
    from netspec.data.samples import Samples


@dataclass(frozen=True, slots=True, eq=False)
class SampleSource:
    """A reader whose fields are known."""

    reader: Reader
    folder: Folder
    fields: dict[str, Field]
    span: Span

    def load(self) -> Samples:
        """All samples, in memory.

        Raises:
            DataError: `data-file`, `data-value`.
        """
        return self.reader.load(self.folder).rename(self.reader.fields)

    def own(self, split: Split) -> SampleSource | None:
        """The reader's own part for validation or test, if it has one."""
        reader = self.reader.own(split)
        return None if reader is None else SampleSource(reader, self.folder, self.fields, self.span)


def bind_source(node: Node, folder: Folder, report: Report) -> SampleSource | None:
    """`{READER: {...}}`, or a list of one, or None if something is wrong with it.

    Args:
        node: As it stands in the spec.
        folder: Where its files are looked up. Headers of files are read here, data are not.
        report: Takes `unknown-training`, `not-supported`, `data-file` and what `bind` reports.
    """
    if isinstance(node, Sequence) and len(node) == 1:
        node = node.items[0]
    if isinstance(node, Sequence):
        report.error("not-supported", "several readers side by side are not in this release", node.span)
        return None
    if not (isinstance(node, Mapping) and len(node) == 1):
        report.error(
            "wrong-type", f"data come from one reader, as in `{{mnist: {{}}}}`, got {describe(node)}", node.span
        )
        return None
    ((key, argument),) = node
    model = READERS.get(key.text)
    if model is None:
        _unknown(key.text, key.span, report)
        return None
    reader = bind(model, argument, report, span=key.span, what=f"the reader {key.text}")
    return None if reader is None else _declared(reader, folder, key.span, report)


def _declared(reader: Reader, folder: Folder, span: Span, report: Report) -> SampleSource | None:
    try:
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
    return SampleSource(reader, folder, kept | {new: own[name] for new, name in reader.fields.items()}, span)


def _unknown(name: str, span: Span, report: Report) -> None:
    if name in LATER or name == "chain":
        report.error("not-supported", f"the reader `{name}` is not in this release", span)
    else:
        message = f"no reader is called `{name}`"
        report.error("unknown-training", message, span, help=did_you_mean(name, READERS))
