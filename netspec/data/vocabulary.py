"""Vocabularies: the entries that stand for indices, one a line of a file, or a list in the spec."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from netspec.diagnostics import DataError
from netspec.lang.document import Document, VocabDecl
from netspec.lang.folder import Folder

MAX_BYTES = 2**28
#: What special entries are called unless a vocabulary says otherwise.
SPECIAL = {"pad": "<pad>", "unk": "<unk>", "bos": "<bos>", "eos": "<eos>"}


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Entries in the order of their indices; `special` are those with a role, as far as they are there."""

    name: str
    entries: tuple[str, ...]
    special: Mapping[str, int] = field(default_factory=dict)
    _indices: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, decl: VocabDecl, folder: Folder) -> Vocabulary:
        """The vocabulary that a spec declares.

        Raises:
            DataError: `data-file`: no file, not UTF-8, another size than the spec says, an entry that is there twice, a
                special name that is not there.
        """
        name = decl.name.text
        entries = _entries(decl, folder)
        indices: dict[str, int] = {}
        place = decl.file.text if decl.file is not None else f"vocabulary {name}"
        for index, entry in enumerate(entries):
            if indices.setdefault(entry, index) != index:
                lines = f"lines {indices[entry] + 1:,} and {index + 1:,}"
                raise DataError.at(place, "data-file", f"the entry {entry[:40]!r} is there twice, in {lines}")
        missing = [word for word in decl.special.values() if word not in indices]
        if missing:
            raise DataError.at(place, "data-file", f"the special entry {missing[0]!r} is not among the entries")
        named = SPECIAL | dict(decl.special)
        special = {role: indices[word] for role, word in named.items() if word in indices}
        return cls(name, entries, special, indices)

    def __len__(self) -> int:
        return len(self.entries)

    def encode(self, tokens: Sequence[str], place: str) -> list[int]:
        """Indices of tokens; what is not an entry is `<unk>`.

        Raises:
            DataError: `data-value` at `place`: a token is no entry, and there is no `<unk>`.
        """
        unknown, indices = self.special.get("unk", -1), self._indices
        found = [indices.get(token, unknown) for token in tokens]
        if unknown < 0 and -1 in found:
            index = found.index(-1)
            message = f"token {index:,} (from 0), {tokens[index][:40]!r}, is not in the vocabulary `{self.name}`"
            raise DataError.at(place, "data-value", message, help="add it, or an entry `<unk>` for what is not there")
        return found

    def decode(self, indices: Sequence[int]) -> list[str]:
        """The entries of indices."""
        return [self.entries[index] for index in indices]


def read_text(name: str, folder: Folder) -> str:
    """A text file.

    Raises:
        DataError: `data-file`: absent, outside, or not UTF-8.
    """
    with folder.open(name) as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise DataError.at(name, "data-file", f"larger than {MAX_BYTES:,} bytes")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError.at(name, "data-file", f"not UTF-8 text at byte {error.start:,}") from None


def entries(document: Document, name: str, folder: Folder) -> tuple[str, ...]:
    """The entries of a vocabulary of a spec, in order; as labels they need not differ.

    Args:
        document: A spec that has a vocabulary of that name.
        name: The vocabulary's name.
        folder: Where its file is looked up.

    Raises:
        DataError: `data-file`: there is no file, it cannot be read, or it has another number of entries.
    """
    return _entries(document.vocabs[name], folder)


def _entries(decl: VocabDecl, folder: Folder) -> tuple[str, ...]:
    if decl.entries is not None:
        return decl.entries
    name = decl.name.text
    if decl.file is None:
        raise DataError.at(f"vocabulary {name}", "data-file", "it has no file: its entries are not known")
    # Not splitlines: some entries of real vocabularies are separators of lines by Unicode.
    found = read_text(decl.file.text, folder).replace("\r\n", "\n").removesuffix("\n").split("\n")
    if len(found) != decl.size:
        message = f"{len(found):,} entries, one a line; the spec says {decl.size:,}"
        raise DataError.at(decl.file.text, "data-file", message, help=f"size: {len(found)}")
    return tuple(found)
