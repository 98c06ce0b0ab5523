"""Values from inside of groups are made outputs, and the network computes what it did."""

from __future__ import annotations

import pytest
import torch

from netspec.backends.torch import build
from netspec.compiler import compile_source
from netspec.compiler.passes.expose import expose
from netspec.diagnostics import Source
from netspec.ir import Graph, Value
from netspec.ir.verify import verify
from netspec.training.layers import Layers

TEXT = """\
netspec: 1
inputs: {x: [4]}
blocks:
  twice:
    layers:
      - {name: a, linear: 4}
      - {name: inner, sequence: [{name: b, linear: 4}, {name: c, tanh}]}
      - {name: d, linear: 4}
layers:
  - {name: first, twice}
  - {name: again, call: first}
  - {name: many, repeat: 2, twice}
  - {name: out, linear: 2}
"""


def graph() -> Graph:
    return compile_source(Source("net.yaml", TEXT)).graph


def values(of: Graph, *names: str) -> list[Value]:
    layers = Layers(of)
    found = dict(zip(layers.names, (layers._values[name] for name in layers.names), strict=True))
    return [found[name] for name in names]


@pytest.mark.parametrize(
    "names",
    [
        ("first.inner.b",),
        ("first.inner.b", "again.inner.b"),
        ("again.inner.c",),
        ("many.0.a", "many.1.inner.b"),
        ("first.inner", "out"),
        ("first", "many"),
    ],
)
def test_inner_values_are_what_the_layers_compute(names: tuple[str, ...]) -> None:
    from dataclasses import replace

    plain = graph()
    wanted = values(plain, *names)
    exposed, outside = expose(plain, wanted)
    read = dict.fromkeys((*exposed.outputs, *outside.values()))
    exposed = replace(exposed, outputs=tuple(read), output_names=tuple(value.name for value in read))
    verify(exposed)
    torch.manual_seed(0)
    module = build(exposed)
    original = build(plain)
    original.load_state_dict(module.state_dict())
    seen: dict[str, list[torch.Tensor]] = {}
    for path, layer in original.named_modules():
        layer.register_forward_hook(lambda _, __, output, path=path: seen.setdefault(path, []).append(output))
    x = torch.randn(3, 4)
    expected = original(x)
    outputs = module(x)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    assert torch.equal(outputs[0], expected)
    places = list(read)
    for name, value in zip(names, wanted, strict=True):
        path, call = (name.replace("again", "first"), 1) if name.startswith("again") else (name, 0)
        torch.testing.assert_close(outputs[places.index(outside[value])], seen[path][call])


def test_what_is_known_outside_changes_nothing() -> None:
    plain = graph()
    exposed, outside = expose(plain, values(plain, "first", "out"))
    assert exposed is plain and all(key is value for key, value in outside.items())
