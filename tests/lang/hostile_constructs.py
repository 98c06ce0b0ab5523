"""Specs of odd meaning in the constructs that name things: blocks, arguments, repeats, conditions, calls, ties."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

TEXTS = (
    "a", "b", "x", "s", "blk", "fc", "inner", "forward_", "__import__", "self", "nn", "torch", "F", "super", "lambda",
    "import os", "a'); import os", 'a"""\n', "a\nb", "\\", "%s", "{i}", "{i}{j}", "{'x' + i}", "{__class__}", "class",
    "None", "print", "def", "a-b", "0", "1", "None_", "\u212f", "a b", "", "exec", "eval", "x" * 70,
)  # fmt: skip
EXPRESSIONS = (
    "=n", "=i", "=n + i", "=in_channels", "=act", "=[n, i]", "='import os'", "=2*n", "=n > 2", "=not n", "=xs[i]",
    "=len(xs)", "=1/0", "=__import__('os')", "=n.__class__", "=n if i else 3", "=range(n)", "='relu'",
)  # fmt: skip


PLAIN = ("a", "b", "s", "fc", "k", "q", "w", "own", "skip", "c1", "c2", "d")


def _text(rng: random.Random) -> str:
    return rng.choice(PLAIN if rng.random() < 0.8 else TEXTS)


def specs(count: int, seed: int) -> Iterator[str]:
    """So many texts, the same for the same seed."""
    rng = random.Random(seed)
    for _ in range(count):
        yield json.dumps(_spec(rng))


def _spec(rng: random.Random) -> dict[str, object]:
    blocks = {rng.choice(("blk", "inner", "own", _text(rng))): _block(rng, index) for index in range(rng.randrange(3))}
    names = [*blocks, "relu"]
    return {
        "netspec": 1,
        "name": rng.choice(("net", _text(rng))),
        "args": {"n": 3, "act": rng.choice(("relu", "relu", "tanh", _text(rng))), "xs": [1, 2, 3]},
        "inputs": {rng.choice(("x", "x", "x", _text(rng))): [4]},
        "blocks": blocks,
        "layers": [_layer(rng, names, 0) for _ in range(rng.randint(1, 5))],
    }


def _block(rng: random.Random, index: int) -> dict[str, object]:
    chain = [_layer(rng, ["relu", "tanh"], 1) for _ in range(rng.randint(1, 3))]
    found: dict[str, object] = {"args": {"n": 4, "i": 1, "act": rng.choice(("relu", "relu", "relu", _text(rng)))}}
    if index % 3 == 2:
        return {**found, "parallel": {_text(rng): chain, "b": []}, "join": "add"}
    return {**found, "layers": chain}


def _layer(rng: random.Random, names: list[str], depth: int) -> dict[str, object]:
    kind = rng.choice((0, 0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 7))
    layer: dict[str, object]
    if kind == 0 and depth < 3:
        layer = {"sequence": [_layer(rng, names, depth + 1) for _ in range(rng.randint(1, 2))]}
    elif kind == 1:
        layer = {"call": rng.choice(TEXTS)}
    elif kind == 2:
        layer = {"op": rng.choice(("=act", rng.choice(names)))}
    elif kind == 3:
        layer = {"calc": rng.choice(("x * 2", "sigmoid(input)", rng.choice(TEXTS), "n * x"))}
    elif kind <= 5:
        layer = {rng.choice(names): rng.choice((None, None, {"n": rng.choice((4, *EXPRESSIONS))}))}
    else:
        layer = {"linear": 4 if rng.random() < 0.8 else rng.choice(EXPRESSIONS)}
    return {**layer, **_modifiers(rng)}


def _modifiers(rng: random.Random) -> dict[str, object]:
    choices: dict[str, object] = {
        "name": _text(rng),
        "repeat": rng.choice(
            (2, 0, {"i": 2}, {"i": ["a", 'b"""']}, {"i": [1, 2], "j": 2}, 3, "=n", rng.choice(EXPRESSIONS))
        ),
        "when": rng.choice((True, False, "=n > 2", rng.choice(EXPRESSIONS))),
        "only": "train",
        "freeze": True,
        "init": rng.choice(("zeros", {"weight": {"normal": {"std": 0.1}}}, {"bias": "ones"})),
        "tie": {"weight": f"{rng.choice(TEXTS)}.weight"},
    }
    shares = {"name": 0.5, "repeat": 0.25, "tie": 0.02, "init": 0.05}
    return {key: value for key, value in choices.items() if rng.random() < shares.get(key, 0.1)}
