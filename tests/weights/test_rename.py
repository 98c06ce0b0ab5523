"""Renaming by prefixes, against an independent reading of the rule."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.weights.rename import RenameError, Rule, rename

CAFFE = [Rule("fire*/conv1x1_1", "fire*.squeeze1x1"), Rule("fire*/conv1x1_2", "fire*.expand1x1")]
PARTS = st.lists(st.sampled_from(["a", "b", "aa", "0", "w"]), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("name", "rules", "expected"),
    [
        ("fire2/conv1x1_1.weight", CAFFE, "fire2.squeeze1x1.weight"),
        ("fire12/conv1x1_2.bias", CAFFE, "fire12.expand1x1.bias"),
        ("fire2/conv1x1_11.weight", CAFFE, "fire2/conv1x1_11.weight"),
        ("features.0.weight", [Rule("features", "body")], "body.0.weight"),
        ("features2.0.weight", [Rule("features", "body")], "features2.0.weight"),
        ("module.fc.bias", [Rule("module", "")], "fc.bias"),
        ("a.b.c", [Rule("a", "x"), Rule("a.b", "y")], "y.c"),
        ("a.b.c", [Rule("a.*", "x.*"), Rule("a.b", "y")], "y.c"),
        ("fc.bias", [Rule("", "net"), Rule("conv", "x")], "net.fc.bias"),
        ("W", [Rule("W", "fc.weight")], "fc.weight"),
        ("layer1.3.conv", [Rule("layer*.*", "stage*.block*")], "stage1.block3.conv"),
    ],
)
def test_by_hand(name: str, rules: list[Rule], expected: str) -> None:
    assert rename(name, rules)[0] == expected


@given(PARTS, st.dictionaries(PARTS.map(".".join), PARTS.map(".".join), max_size=4))
def test_the_longest_prefix_of_whole_parts_wins(parts: list[str], table: dict[str, str]) -> None:
    name = ".".join(parts)
    prefixes = [".".join(parts[:count]) for count in range(len(parts), 0, -1)]
    old = next((prefix for prefix in prefixes if prefix in table), None)
    expected = name if old is None else table[old] + name[len(old) :]
    assert rename(name, [Rule(old, new) for old, new in table.items()])[0] == expected


@given(PARTS, st.data())
def test_a_star_stands_for_a_part(parts: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(parts) - 1))
    pattern = [*parts[:at], "*"]
    expected = ".".join(["x", parts[at], *parts[at + 1 :]])
    assert rename(".".join(parts), [Rule(".".join(pattern), "x.*")])[0] == expected


@pytest.mark.parametrize("pair", [("a.", "b"), (".a", "b"), ("a", "b."), ("a*", "b"), ("a", "*"), ("a..b", "c")])
def test_rules_that_cannot_be_read(pair: tuple[str, str]) -> None:
    with pytest.raises(RenameError):
        Rule(*pair)


def test_hostile_names_take_no_time() -> None:
    rule = Rule(".".join(["a*a"] * 50), ".".join(["*"] * 50))
    started = time.monotonic()
    stars = Rule("*a*a*a*a*b", "*.*.*.*.*")
    assert all(rename("a" * 512 + tail, [rule, stars])[1] is None for tail in ("/", ".x", "c"))
    assert rename(".".join(["aba"] * 50) + ".w", [rule])[0] == ".".join(["b"] * 50) + ".w"
    assert rename(".".join(["a" * 10] * 46), [rule])[1] is None
    assert time.monotonic() - started < 1
