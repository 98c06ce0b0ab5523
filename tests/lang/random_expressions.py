"""Random expressions: from the grammar, from its tokens in any order, and mutated character by character."""

from __future__ import annotations

import random
from collections.abc import Iterator

_ATOMS = (
    "0 1 2 3 -1 7 64 1e308 0.5 9223372036854775807 1_000 none true false in_channels width xs name missing 'a' 'abc' "
    "[] [1,2,3] [[1],[2]] range(9)"
).split()
_BINARY = "+ - * / // % ** == != < <= > >= and or in".split()
_FUNCTIONS = "min max sum len range int round floor ceil sqrt log str eval".split()
_TOKENS = [*_ATOMS, *_BINARY, *_FUNCTIONS, *"( ) [ ] , : not if else . @ = ! ' \" ; { } \\ __class__".split()]
_CHARACTERS = "()[]+-*/%<>=!,:'\" 0189.eE_nxab\t\n\0\u00e9\u202e\U0001f600"

NAMES: dict[str, object] = {"in_channels": 64, "width": 3, "xs": [1, 2, 3], "name": "abc"}


def expressions(count: int, seed: int) -> Iterator[str]:
    """So many texts, the same for the same seed."""
    rng = random.Random(seed)
    for index in range(count):
        if index % 4 == 0:
            yield " ".join(rng.choices(_TOKENS, k=rng.randrange(1, 24)))
            continue
        text = _grown(rng, rng.randrange(1, 6))
        yield text if index % 4 == 1 else _mutated(rng, text)


def _grown(rng: random.Random, depth: int) -> str:
    if depth == 0:
        return rng.choice(_ATOMS) if rng.random() < 0.4 else rng.choice(("1", "2", "3", "width", "in_channels"))
    inner = [_grown(rng, rng.randrange(depth)) for _ in range(3)]
    forms = (
        "{0} {op} {1}", "({0}) {op} ({1})", "-{0}", "not {0}", "{0} if {1} else {2}", "{f}({0}, {1})", "{f}({0})",
        "[{0}, {1}, {2}]", "{0}[{1}]", "({0})[{1}:{2}]", "{0} < {1} <= {2}", "({0})", "{0} not in {1}", "{f}()",
    )  # fmt: skip
    form = rng.choice(forms)
    return form.format(*inner, op=rng.choice(_BINARY), f=rng.choice(_FUNCTIONS))


def _mutated(rng: random.Random, text: str) -> str:
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(text) + 1)
        kind = rng.randrange(4)
        if kind == 0:
            text = text[:at] + rng.choice(_CHARACTERS) + text[at:]
        elif kind == 1:
            text = text[:at] + text[at + 1 :]
        elif kind == 2:
            text = text[:at] + text[at:] * rng.randrange(1, 4)
        else:
            text = text[:at] + rng.choice(_TOKENS) + text[at:]
    return text
