"""R-07 and R-08: what plain scalars mean, in a table."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.diagnostics import Source, SpecError
from netspec.lang.nodes import Mapping, Scalar
from netspec.lang.reader import read
from netspec.lang.scalars import ScalarError, resolve

TABLE = [
    # null
    *[(text, None) for text in ("", "~", "null", "Null", "NULL", "none")],
    # booleans are `true` and `false` only
    *[(text, True) for text in ("true", "True", "TRUE")],
    *[(text, False) for text in ("false", "False", "FALSE")],
    *[(text, text) for text in ("on", "off", "yes", "no", "On", "OFF", "Yes", "NO", "y", "n", "None", "nULL", "tRUE")],
    # integers: no octal, no sexagesimal
    ("0", 0), ("10", 10), ("010", 10), ("-3", -3), ("+3", 3), ("0777", 777), ("-010", -10), ("08", 8), ("00", 0),
    ("289_630", 289_630), ("1_000_000", 1_000_000), ("0x1F", 31), ("0o17", 15), ("9223372036854775807", 2**63 - 1),
    ("-9223372036854775807", -(2**63) + 1),
    *[(text, text) for text in ("12:30", "12:30:45", "190:20:30.15", "1__0", "_1", "1_", "0x", "0xg", "0b101", "0o8")],
    *[(text, text) for text in ("-0x10", "1,000", "1 000", "+", "-", "--1", "1-1", "\u0661\u0662", "\uff11")],
    # floats: the exponent needs no point and no sign
    ("1e-4", 1e-4), ("1e3", 1e3), ("1E3", 1e3), ("1.5e+3", 1500.0), ("-1e-3", -1e-3), ("1.", 1.0), (".5", 0.5),
    ("-.5", -0.5), ("+.5", 0.5), ("0.10", 0.1), ("1_0.5", 10.5), ("6.02e23", 6.02e23), ("1e-400", 0.0),
    (".inf", math.inf), (".Inf", math.inf), ("-.INF", -math.inf), ("+.inf", math.inf),
    *[(text, text) for text in ("inf", "nan", "Infinity", "1e", "e3", ".", "..", "...", "1.2.3", "1e3.5", "1.e", "-.")],
    # dates and versions are texts
    *[(text, text) for text in ("2015-12-11", "2001-12-14t21:59:43.10-05:00", "1.0.0", "3x3", "=", "=1+1", "<<")],
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), TABLE, ids=[text for text, _ in TABLE])
def test_a_plain_scalar_means_what_people_mean(text: str, value: object) -> None:
    found = resolve(text)
    assert found == value
    assert type(found) is type(value)


def test_the_table_has_at_least_sixty_scalars() -> None:
    assert len({text for text, _ in TABLE}) >= 60


@pytest.mark.parametrize("text", [".nan", ".NaN", ".NAN"])
def test_not_a_number(text: str) -> None:
    value = resolve(text)
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("text", ["9223372036854775808", "-9223372036854775808", "1" * 4096, "0x" + "f" * 17, "1e400"])
def test_a_number_beyond_64_bits_or_floats_is_refused_at_its_place(text: str) -> None:
    with pytest.raises(ScalarError):
        resolve(text)
    start = time.thread_time()
    with pytest.raises(SpecError) as caught:
        read(Source("a", f"a: 1\nlr: {text}\n"))
    assert time.thread_time() - start <= 0.1
    (diagnostic,) = caught.value.diagnostics
    assert (diagnostic.code, diagnostic.location) == ("yaml-number", "a:2:5")


def test_quoted_scalars_and_keys_are_texts() -> None:
    tree = read(Source("a", "0: '1'\n0.10: \"true\"\n1e-3: |\n  5\n"))
    assert isinstance(tree, Mapping)
    assert list(tree.entries) == ["0", "0.10", "1e-3"]
    values = [value.value for _, value in tree if isinstance(value, Scalar)]
    assert values == ["1", "true", "5\n"]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_writes_is_read_back(value: float) -> None:
    assert resolve(repr(value)) == value


@given(st.integers(-(2**63) + 1, 2**63 - 1))
def test_every_integer_is_read_back(value: int) -> None:
    assert resolve(str(value)) == value
    assert resolve(f"{value:_}") == value


@given(st.text(max_size=30))
def test_any_text_has_a_meaning_or_is_a_number_too_large(text: str) -> None:
    try:
        value = resolve(text)
    except ScalarError:
        assert any(char.isdigit() for char in text)
    else:
        assert value is None or isinstance(value, (bool, int, float)) or value == text
