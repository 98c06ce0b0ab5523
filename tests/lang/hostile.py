"""Hostile texts: YAML by a grammar that knows the language's words, mutants of valid specs, specs of odd meaning."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

from netspec.diagnostics import Source
from netspec.lang.nodes import plain
from netspec.lang.reader import read
from netspec.ops.registry import ops

VALID = (
    """\
netspec: 1
name: mnist_convnet
doc: The complete ConvNet of slide 50.
inputs:
  image: [1, 28, 28]
layers:
  - conv: {out_channels: 20, kernel_size: 5}     # 20 x 24 x 24
  - relu
  - max_pool: 2
  - flatten
  - {name: fc, linear: 100}
  - dropout: 0.5
  - linear: 10
expect:
  params: 289_630
  shapes: {0: [20, 24, 24], fc: [100]}
""",
    """\
netspec: 1
inputs:
  x: {shape: [8], dtype: float32}
  y: &shape [4, 8]
layers:
  - {name: a, linear: &n 8, from: x}
  - name: b
    sequence:
      - {linear: *n, bias: false}
      - relu
  - {add, from: [a, b]}
  - {name: out, concat: {dim: 1}, from: [a, "b"]}
outputs: {logits: out, hidden: b}
train:
  data: [{mnist: {}}]
  optimizer: {sgd: {lr: 1e-3}}
  epochs: 3
""",
)

_WORDS = (
    "netspec name doc source inputs layers outputs expect train export from sequence conv linear relu max_pool flatten "
    "add concat batch_norm dropout out_channels kernel_size x image input 0 -1 1 28 1e-4 0.5 1e400 9223372036854775808 "
    "0x1f 010 289_630 12:30 2015-12-11 .inf .nan ~ null none true off yes =1+1 =min(a,b) =a[0] = forward type a.b ../x "
    "/etc/passwd <<"
)
WORDS = _WORDS.split()
ODD = (
    *("", " ", "\t", "\n", "\r", "\r\n", "\x85", "\u2028", "\x00", "\x07", "\x1b[31m", "\x7f", "\ud800", "\ufeff"),
    *("\u202e", "\u200b", "\uff52", "\u043e", "\U0001f600", "\\", "'", '"', '"""', "`", "%", "@", "#", "!", "&", "*"),
    *("?", ":", "-", ",", "[", "]", "{", "}", "|", ">", "---", "...", "!!python/object:os.system ", "!!int ", "! "),
    *("&a ", "*a", "*b", "<<: *a", "? ", ": ", "- ", "|\n  ", ">-\n  ", "%YAML 1.1\n", "%TAG ! x\n", "!<tag:x> "),
)


def _as_mapping(layer: object) -> dict[str, object]:
    return layer if isinstance(layer, dict) else {str(layer): None}


EXAMPLES = {
    name: [_as_mapping(plain(read(Source(name, example.layer)))) for example in op.examples]
    for name, op in ops().items()
}


def texts(count: int, seed: int) -> Iterator[str]:
    """`count` texts, the same for the same seed: a third by grammar, the rest by mutation."""
    generator = random.Random(seed)
    for index in range(count):
        yield _block(generator, 0, 40) if index % 3 == 0 else _mutant(generator)


def specs(count: int, seed: int) -> Iterator[str]:
    """`count` texts that are YAML and have the form of a spec, with hostile names, numbers and references in it."""
    generator = random.Random(seed)
    for _ in range(count):
        spec = {
            "netspec": generator.choice((*[1] * 20, 2, "1", None)),
            "inputs": {name: _shape(generator) for name in generator.choice((["x"], ["x"], ["x", "y"], ["input"]))},
            "layers": [_layer(generator, 0) for _ in range(generator.randint(1, 6))],
            **generator.choice(({}, {"outputs": {"out": _name(generator)}}, {"expect": {"params": 3, "shapes": {}}})),
        }
        yield json.dumps(spec)


NAMES: tuple[str, ...] = (
    *("x", "y", "a", "b", "a", "b", "0", "1", "2", "3", "a.0", "a.b.c", "input"),
    *("forward", "\u043e", "../x", "", 'a"""b', "a\nb"),
)


def _shape(generator: random.Random) -> object:
    sizes = generator.choices((1, 2, 3, 8, 28, 28, 224), k=generator.randint(0, 4))
    return generator.choice((*[sizes] * 20, {"shape": sizes, "dtype": "int64"}, [0], ["T"], [2**40], 3))


def _name(generator: random.Random) -> str:
    return generator.choice(NAMES)


def _layer(generator: random.Random, depth: int) -> object:
    op = ops()[generator.choice(sorted(ops()))]
    layer = dict(generator.choice(EXAMPLES[op.name]))
    if generator.random() < 0.2:
        layer[op.name] = _argument(generator, op.name)
    if depth < 4 and generator.random() < 0.2:
        layer = {"sequence": [_layer(generator, depth + 1) for _ in range(generator.randint(0, 3))]}
    if generator.random() < 0.15:
        layer["name"] = _name(generator)
    if generator.random() < 0.15:
        layer["from"] = generator.choice((_name(generator), [_name(generator), _name(generator)], {"input": "x"}, []))
    return layer


def _argument(generator: random.Random, op: str) -> object:
    fields = list(ops()[op].model_fields)
    chosen = generator.sample(fields, generator.randint(0, len(fields)))
    return generator.choice((None, _value(generator), {field: _value(generator) for field in chosen}))


def _value(generator: random.Random) -> object:
    return generator.choice(
        (
            *(0, 1, 1, 2, 2, 3, 4, -1, 2**31 - 1, 2**31, -(2**63), 0.5, 1e308, True, None, "same", "=in_channels"),
            *("=1/0", "=x", [1, 2], [0, 3], [3] * 20, {}, {"a": 1}, [[1]], "a\nb", '"""', "\\", "x" * 300),
        )
    )


def _mutant(generator: random.Random) -> str:
    text = generator.choice(VALID)
    for _ in range(generator.choice((1, 1, 2, 3, 8))):
        start = generator.randrange(len(text) + 1)
        end = min(len(text), start + generator.choice((0, 0, 1, 1, 3, 10)))
        text = text[:start] + _insert(generator, text) + text[end:]
    return text


def _insert(generator: random.Random, text: str) -> str:
    kind = generator.randrange(4)
    if kind == 0:
        return ""
    if kind == 1:
        start = generator.randrange(len(text) + 1)
        return text[start : start + generator.randrange(60)]
    return generator.choice(ODD if kind == 2 else WORDS)


def _block(generator: random.Random, depth: int, budget: int) -> str:
    lines = []
    for _ in range(generator.randint(1, 5)):
        start = "  " * depth + generator.choice(("- ", "", "", "- - ", "? "))
        key = generator.choice(WORDS) + generator.choice((":", ": ", ": ", ": ", "", " :"))
        nested = depth < 6 and budget > 1 and generator.random() < 0.4
        value = "\n" + _block(generator, depth + 1, budget // 4) if nested else _flow(generator, 0) + "\n"
        lines.append(start + key + value)
    return "".join(lines)


def _flow(generator: random.Random, depth: int) -> str:
    kind = generator.randrange(8 if depth < 4 else 4)
    if kind < 4:
        odd = generator.choice(ODD) if generator.random() < 0.2 else ""
        return odd + generator.choice(WORDS) + (generator.choice(ODD) if generator.random() < 0.1 else "")
    parts = [_flow(generator, depth + 1) for _ in range(generator.randrange(4))]
    if kind < 6:
        return "[" + ", ".join(parts) + "]"
    return "{" + ", ".join(f"{generator.choice(WORDS)}: {part}" for part in parts) + "}"
