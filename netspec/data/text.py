"""Texts as sequences of indices."""

from __future__ import annotations

import re
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from netspec.data.ragged import Ragged
from netspec.data.samples import Samples
from netspec.data.vocabulary import Vocabulary
from netspec.diagnostics import DataError

Tokens = NDArray[np.int64]

_BLANK = re.compile(r"\n[^\S\n]*\n\s*")


def documents(
    text: str, kind: Literal["whole", "line", "blank"], unit: str, vocabulary: Vocabulary, place: str
) -> list[Tokens]:
    """The documents of a text that are not empty, as indices.

    Raises:
        DataError: `data-value`: a token is not in the vocabulary.
    """
    split = (list(part) if unit == "char" else part.split() for part in _parts(text, kind))
    return [np.array(vocabulary.encode(tokens, place), np.int64) for tokens in split if tokens]


def pairs(
    found: list[Tokens], vocabulary: Vocabulary, start: float, end: float, place: str, *, has_documents: bool
) -> Samples:
    """`in` and `out` of a part of the documents, or of the one running text, one token apart.

    Raises:
        DataError: `data-value`: nothing is left.
    """
    if has_documents:
        found = found[round(start * len(found)) : round(end * len(found))]
        begin, stop = vocabulary.special.get("bos"), vocabulary.special.get("eos")
        if begin is not None and stop is not None:
            found = [np.concatenate(([begin], each, [stop])) for each in found]
    else:
        found = [each[round(start * len(each)) : round(end * len(each))] for each in found]
    found = [each for each in found if len(each) > 1]
    if not found:
        raise DataError.at(place, "data-value", "there is no text of two tokens at least")
    return Samples({"in": Ragged.of([each[:-1] for each in found]), "out": Ragged.of([each[1:] for each in found])})


def _parts(text: str, kind: Literal["whole", "line", "blank"]) -> list[str]:
    if kind == "line":
        return text.splitlines()
    return [text] if kind == "whole" else _BLANK.split(text.strip())
