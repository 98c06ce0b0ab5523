"""Running text."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import PrivateAttr

from netspec.data.field import Field, sequence
from netspec.data.readers.base import FileName, Reader
from netspec.diagnostics import DataError
from netspec.ir import DType
from netspec.lang.document import VocabDecl
from netspec.lang.folder import Folder
from netspec.ops.attributes import number

if TYPE_CHECKING:
    from netspec.data.samples import Samples

Share = Annotated[float, number(0, "a number from 0 to 1", high=1)]


class Text(Reader):
    """A text in UTF-8, as indices into the spec's vocabulary `vocab`: characters or words, as its `unit` says.

    `documents`: the text is one (`whole`), each line is (`line`), or what stands between empty lines (`blank`).
    `in` and `out` are one token apart; where documents are told apart and the vocabulary has `<bos>` and `<eos>`, `in`
    begins with the one and `out` ends with the other. `start` and `end` take a part of the text, as shares of it.

    Fields: in, out int64 [length] below the size of the vocabulary.
    """

    name = "text"
    file: FileName
    vocab: str
    documents: Literal["whole", "line", "blank"] = "whole"
    lowercase: bool = False
    start: Share = 0.0
    end: Share = 1.0
    _vocab: VocabDecl | None = PrivateAttr(default=None)

    def with_vocabs(self, decls: Mapping[str, VocabDecl]) -> Self:
        if self.vocab not in decls:
            known = ", ".join(decls) or "none"
            raise DataError.at("vocab", "unknown-name", f"no vocabulary is called `{self.vocab}`; there are: {known}")
        found = self.model_copy()
        found._vocab = decls[self.vocab]
        return found

    def declare(self, folder: Folder) -> dict[str, Field]:
        if self.start >= self.end:
            raise DataError.at(self.file, "data-value", f"nothing lies between {self.start:g} and {self.end:g}")
        tokens = sequence((), DType.INT64, self._declared().size)
        return {"in": tokens, "out": tokens}

    def load(self, folder: Folder) -> "Samples":
        from netspec.data.text import documents, pairs
        from netspec.data.vocabulary import Vocabulary, read_text

        text = read_text(self.file, folder)
        text = text.lower() if self.lowercase else text
        vocabulary = Vocabulary.of(self._declared(), folder)
        found = documents(text, self.documents, self._declared().unit, vocabulary, self.file)
        return pairs(found, vocabulary, self.start, self.end, self.file, has_documents=self.documents != "whole")

    def _declared(self) -> VocabDecl:
        assert self._vocab is not None, "a source gives its readers vocabularies"
        return self._vocab
