"""The entries of a vocabulary, one a line of its file, or a list in the spec."""

from __future__ import annotations

from netspec.diagnostics import DataError
from netspec.lang.document import Document
from netspec.lang.folder import Folder
from netspec.lang.nodes import Mapping, Scalar, Sequence

MAX_BYTES = 2**28


def entries(document: Document, name: str, folder: Folder) -> tuple[str, ...]:
    """The entries of a vocabulary of a spec, in order.

    Args:
        document: A spec that has a vocabulary of that name.
        name: The vocabulary's name.
        folder: Where its file is looked up.

    Raises:
        DataError: `data-file`: there is no file, it cannot be read, or it has another number of entries.
    """
    declared = document.vocabs[name]
    section = document.root.get("vocabs")
    written = section.get(name) if isinstance(section, Mapping) else None
    if isinstance(written, Sequence):
        return tuple(item.text for item in written if isinstance(item, Scalar))
    if declared.file is None:
        raise DataError.at(f"vocabulary {name}", "data-file", "it has no file: its entries are not known")
    with folder.open(declared.file.text) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DataError.at(declared.file.text, "data-file", f"larger than {MAX_BYTES:,} bytes")
    try:
        # Not splitlines: some entries of real vocabularies are separators of lines by Unicode.
        found = data.decode("utf-8-sig").replace("\r\n", "\n").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise DataError.at(declared.file.text, "data-file", f"not UTF-8 text at byte {error.start:,}") from None
    if len(found) != declared.size:
        message = f"{len(found):,} entries, one a line; the spec says {declared.size:,}"
        raise DataError.at(declared.file.text, "data-file", message)
    return tuple(found)
