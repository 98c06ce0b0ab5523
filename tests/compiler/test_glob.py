from __future__ import annotations

import fnmatch
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.compiler.glob import capture, capture_prefix, fill

PARTS = st.text("ab*", max_size=6)
WORDS = st.text("ab", max_size=8)


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("encoder.enc1", "encoder.enc1.conv.weight", ((), "conv.weight")),
        ("encoder.enc1", "encoder.enc10.weight", None),
        ("h.*.ln_1", "h.11.ln_1.bias", (("11",), "bias")),
        ("h.*.ln_1", "h.a.b.ln_1.bias", None),
        ("fire*/conv1x1_1", "fire2/conv1x1_1.weight", (("2",), "weight")),
        ("", "conv.weight", ((), "conv.weight")),
        ("conv.weight", "conv.weight", ((), "")),
        ("conv.weight.x", "conv.weight", None),
        ("*", "conv.weight", (("conv",), "weight")),
    ],
)
def test_a_prefix_ends_where_a_part_ends(pattern: str, name: str, expected: object) -> None:
    assert capture_prefix(pattern, name) == expected


@given(PARTS, WORDS)
def test_a_pattern_fits_what_fnmatch_says_fits(pattern: str, text: str) -> None:
    assert (capture(pattern, text) is not None) == fnmatch.fnmatchcase(text, pattern)


@given(PARTS, WORDS)
def test_what_the_stars_stand_for_gives_the_text_back(pattern: str, text: str) -> None:
    stars = capture(pattern, text)
    if stars is not None:
        assert fill(pattern, stars) == text


def test_many_stars_cost_no_more_than_few() -> None:
    start = time.perf_counter()
    assert capture("*a" * 5_000 + "b", "a" * 20_000) is None
    assert time.perf_counter() - start < 1
