"""Plain scalars as people mean them (language.md section 2).

YAML 1.2's core rules, with three readings made friendlier than YAML 1.1's: `1e-4` is a number, `on off yes no` are
texts, `010` is ten; `12:30` and `2015-12-11` are texts; `289_630` is a number.
"""

from __future__ import annotations

import re
from math import inf, nan

from netspec.lang.nodes import Plain

MAX_INT = 2**63 - 1

_WORDS: dict[str, Plain] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None, "none": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
    ".inf": inf, ".Inf": inf, ".INF": inf, "+.inf": inf, "+.Inf": inf, "+.INF": inf,
    "-.inf": -inf, "-.Inf": -inf, "-.INF": -inf, ".nan": nan, ".NaN": nan, ".NAN": nan,
}  # fmt: skip
_INT = re.compile(r"[-+]?[0-9]+(?:_[0-9]+)*", re.ASCII)
_BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(?:[0-9]+(?:_[0-9]+)*\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?", re.ASCII)


class ScalarError(ValueError):
    """A number that netspec does not take."""


def resolve(text: str) -> Plain:
    """The value of a plain scalar.

    Raises:
        ScalarError: an integer beyond 64 bits, or a number that is no finite float.
    """
    if text in _WORDS:
        return _WORDS[text]
    if not (text[0].isdigit() or text[0] in "+-."):
        return text
    if _INT.fullmatch(text):
        return _bounded(text, 10)
    if _BASED.fullmatch(text):
        return _bounded(text, 0)
    if _FLOAT.fullmatch(text):
        return _finite(text)
    return text


def _bounded(text: str, base: int) -> int:
    # The length is checked first: converting thousands of digits takes quadratic time.
    value = int(text, base) if len(text) <= 80 else MAX_INT + 1
    if abs(value) > MAX_INT:
        raise ScalarError("the number does not fit 64 bits")
    return value


def _finite(text: str) -> float:
    value = float(text)
    if value in (inf, -inf):
        raise ScalarError("the number is too large for a float")
    return value
