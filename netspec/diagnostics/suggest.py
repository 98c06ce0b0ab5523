"""Near matches for misspelt names."""

from __future__ import annotations

from collections.abc import Iterable

# Letters of other alphabets that look like these ASCII ones (Unicode TS 39, confusables; lower case, as ops are).
_TWINS = str.maketrans("асԁеһіјӏорѕԛѵԝхуαγικνορυχɡ", "acdehijlopsqvwxyayiknopuxg")


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known name that `word` most likely meant, or None. Homoglyphs and invisible characters count as misspelt."""
    from difflib import get_close_matches  # here, not above: most runs meet no misspelt name

    folded = {_fold(name): name for name in known}
    found = get_close_matches(_fold(word), folded, n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """A help line: the near match, else the known names if they are few."""
    names = sorted(known)
    match = nearest(word, names)
    if match is not None:
        return f"did you mean `{match}`?"
    return f"known: {', '.join(names)}" if 0 < len(names) <= 12 else None


def _fold(word: str) -> str:
    folded = word[:100].casefold().replace("-", "_")
    if folded.isascii():
        return folded
    import unicodedata

    twin = unicodedata.normalize("NFKD", folded.translate(_TWINS))
    return twin.encode("ascii", "ignore").decode("ascii")
