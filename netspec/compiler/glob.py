"""Dotted names with `*`, which stands for one part or a piece of one: `h.*.ln_1`, `fire*.squeeze1x1`."""

from __future__ import annotations


def capture(pattern: str, text: str) -> tuple[str, ...] | None:
    """What each `*` of a pattern stands for, if it fits all of one part of a name; each takes as little as it can."""
    head, *pieces = pattern.split("*")
    if not pieces:
        return () if pattern == text else None
    if not text.startswith(head):
        return None
    found, at = [], len(head)
    # Forward search only: many stars cost no more than few.
    for piece in pieces[:-1]:
        start = text.find(piece, at) if piece else at
        if start < 0:
            return None
        found.append(text[at:start])
        at = start + len(piece)
    end = len(text) - len(pieces[-1])
    if end < at or not text.endswith(pieces[-1]):
        return None
    return (*found, text[at:end])


def capture_prefix(pattern: str, name: str) -> tuple[tuple[str, ...], str] | None:
    """What the stars stand for, and what is left of a dotted name whose first parts fit a pattern.

    The empty pattern fits before every name. A prefix ends before a dot or at the end: `conv1` fits `conv1.weight` and
    not `conv10.weight`.
    """
    wanted = pattern.split(".") if pattern else []
    parts = name.split(".")
    if len(wanted) > len(parts):
        return None
    stars: list[str] = []
    for each, part in zip(wanted, parts, strict=False):
        found = capture(each, part)
        if found is None:
            return None
        stars += found
    return tuple(stars), ".".join(parts[len(wanted) :])


def fill(pattern: str, stars: tuple[str, ...]) -> str:
    """The pattern with its stars replaced, the first by the first and so on.

    Raises:
        ValueError: it has another number of stars.
    """
    head, *pieces = pattern.split("*")
    return head + "".join(star + piece for star, piece in zip(stars, pieces, strict=True))
