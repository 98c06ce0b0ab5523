"""R-09: hostile texts give a tree or a SpecError with a place, by both of PyYAML's parsers."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from netspec.diagnostics import CODES, Source, SpecError
from netspec.diagnostics.text import render_text
from netspec.lang import events
from netspec.lang.nodes import Node, Scalar, Sequence, plain
from netspec.lang.reader import read
from tests.lang.hostile import VALID, texts


def outcome(text: str) -> Node | SpecError:
    try:
        return read(Source("fuzz.yaml", text))
    except SpecError as error:
        return error


def check_places(error: SpecError) -> None:
    for diagnostic in error.diagnostics:
        span = diagnostic.span
        assert span is not None
        assert 0 <= span.start <= span.end <= len(span.source.text)
        lines = span.source.position(len(span.source.text))[0]
        assert 1 <= span.line <= lines
        assert 1 <= span.column <= len(span.source.line(span.line)) + 2
        assert diagnostic.code in CODES
        assert 0 < len(diagnostic.message) <= 300
    render_text(error.diagnostics)


def test_10_000_hostile_texts_give_a_tree_or_an_error_with_a_place() -> None:
    refused = 0
    for text in texts(10_000, seed=9):
        found = outcome(text)
        if isinstance(found, SpecError):
            refused += 1
            check_places(found)
        else:
            plain(found)
    assert 4_000 < refused < 9_500  # the texts reach both sides


@pytest.mark.slow
def test_1_000_000_hostile_texts() -> None:
    for text in texts(1_000_000, seed=10):
        found = outcome(text)
        if isinstance(found, SpecError):
            check_places(found)


def shape(node: Node) -> object:
    if isinstance(node, Scalar):
        # An absent value stands for one parser before, for the other after the blanks that follow the colon.
        place = None if node.text == "" else node.span[1:]
        return repr(node.value), node.text, node.quoted, place
    if isinstance(node, Sequence):
        return [shape(item) for item in node]
    return [(shape(key), shape(value)) for key, value in node]


def by_the_pure_parser(text: str, monkeypatch: pytest.MonkeyPatch) -> Node | SpecError:
    with monkeypatch.context() as patch:
        patch.setattr(events, "LOADER", yaml.SafeLoader)
        return outcome(text)


def agree(text: str, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether both take the text, or neither; what both take is the same tree, to the column.

    They part on texts that YAML forbids and libyaml takes (tabs, `|#`, `a? ,`) and on a colon before a bracket.
    """
    fast, pure = outcome(text), by_the_pure_parser(text, monkeypatch)
    if isinstance(pure, SpecError):
        check_places(pure)
    elif not isinstance(fast, SpecError):
        assert shape(fast) == shape(pure)
    return isinstance(fast, SpecError) is isinstance(pure, SpecError)


@pytest.mark.skipif(not events.HAS_LIBYAML, reason="there is only the pure parser")
def test_both_parsers_give_the_same_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    parted = sum(not agree(text, monkeypatch) for text in texts(2_000, seed=11))
    assert parted <= 20
    assert all(agree(text, monkeypatch) and isinstance(outcome(text), Node) for text in VALID)


ALPHABET = st.sampled_from([*"ab01:-,[]{}#&*!|>'\"%@`?= \n", "é", "\U0001f600", "\x85", "\u2028", "\ufeff", "\x00"])


@pytest.mark.skipif(not events.HAS_LIBYAML, reason="there is only the pure parser")
@settings(max_examples=1000, deadline=None)
@given(st.text(ALPHABET, max_size=40))
def test_both_parsers_agree_on_any_text(text: str) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        agree(text, monkeypatch)


DATA = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abé _.'-", min_size=1), inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None)
@given(DATA)
def test_json_is_read_as_json_by_both(data: object) -> None:
    text = json.dumps(data)
    assert plain(read(Source("a", text))) == data
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert agree(text, monkeypatch)


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=200))
def test_any_text_gives_a_tree_or_an_error_with_a_place(text: str) -> None:
    found = outcome(text)
    if isinstance(found, SpecError):
        check_places(found)
