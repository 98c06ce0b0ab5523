"""The words of a resolved spec mean there what they stand for."""

from __future__ import annotations

import pytest

from netspec.compiler import compile_source
from netspec.diagnostics import Source
from tests.compiler.test_resolved import assert_comes_back

CONSTRUCTS = {
    "cells": """\
netspec: 1
inputs: {x: [8], memory: [8]}
blocks:
  step:
    inputs: [x, memory]
    layers:
      - {add, from: [x, memory]}
      - {linear: 8}
      - relu
    outputs: {x: 2, memory: 0}
layers:
  - {name: steps, repeat: 4, step, from: {x: x, memory: memory}}
  - {add, from: [steps.x, steps.memory]}
""",
    "pass": """\
netspec: 1
inputs: {x: [8], memory: [8]}
args: {on: false}
blocks:
  step:
    inputs: [x, memory]
    layers:
      - {name: sum, add, from: [x, memory]}
    outputs: {m: memory, s: sum, x: x}
  none:
    args: {on: bool}
    inputs: [a, b]
    layers: [{name: l, when: =on, linear: 3, from: a}]
    outputs: {p: b, q: a}
layers:
  - {name: s, step, from: {x: x, memory: memory}}
  - {name: t, add, from: [s.m, s.x]}
  - {name: n, none: =on, from: [t, s.s]}
  - {name: e, when: =on, linear: 8}
  - {name: grp, sequence: [{name: l, when: =on, linear: 3}]}
  - {name: u, add, from: [n.q, grp]}
  - {name: v, call: s, from: [u, t]}
  - {name: w, call: grp}
outputs: [u, v, w]
expect: {shapes: {s: [8], v: [8], n: [8], grp: [8]}}
""",
    "scopes": """\
netspec: 1
inputs: {x: [8]}
args: {k: -2, e: 0.00001}
blocks:
  inner:
    inputs: [p, q]
    layers:
      - {name: a, linear: 8, from: p}
      - {name: b, calc: "a * q ** k - q * e"}
    args: {k: 3, e: 0.5}
  outer:
    inputs: [p, q]
    layers:
      - {name: b, linear: 8, from: q}
      - {name: a, inner: {k: -1, e: 0.0000125}, from: [b, p]}
      - {name: c, inner, from: [p, q]}
      - {name: d, call: c, from: [q, b]}
layers:
  - {name: a, linear: 8}
  - {name: b, linear: 8}
  - {name: g, outer, from: [a, b]}
  - {name: h, outer, from: [b, a]}
  - {name: i, call: g, from: [g, b]}
  - {name: j, call: g, from: [a, a]}
  - {name: grp, sequence: [{name: m, linear: 8}, {name: n, call: m}, {name: o, calc: "n * m + a"}, {name: p2, call: o}]}
""",
    "chunks": """\
netspec: 1
inputs: {x: [8]}
blocks:
  c:
    layers:
      - {name: halves, chunk: 2}
      - {name: l, linear: 2, from: halves.1}
    outputs: {first: halves.0, second: halves.1}
  d:
    layers:
      - {name: halves, chunk: 2}
layers:
  - {name: a, c}
  - {name: b, relu}
  - {name: n, d, from: x}
  - name: f
    freeze: true
    init: {weight: zeros}
    sequence: [{name: z, linear: 4}, {name: y, tie: {weight: z.weight}, linear: 4}]
  - {name: again, call: f}
  - {name: r, repeat: 2, when: true, only: train, c}
outputs: [b, again]
expect: {shapes: {a: [4], n: [4]}}
""",
    "dims": """\
netspec: 1
inputs: {x: [T, 4], y: {shape: [S, 4]}}
args: {n: 3}
dims: {T: {max: =n*4, multiple_of: =n}, S: {min: =n}}
layers:
  - {name: a, linear: 4, from: x}
  - {name: z, sequence: [{param: [4]}]}
  - {name: b, linear: 4, from: y}
outputs: [a, b, z]
train: {data: {mnist: {}}, loss: {mse_loss: {output: a}}, epochs: =n, batch_size: 3}
""",
    "inputcall": """\
netspec: 1
inputs: {a: [4], b: [4]}
blocks:
  two: {inputs: [p, q], layers: [{name: s, add, from: [p, q]}, {name: l, linear: 4}], outputs: {s: s, l: l}}
layers:
  - {name: t, two, from: [a, a]}
  - {name: u, call: t, from: [a, b]}
  - {name: v, call: u, from: [u, u.l]}
  - {name: w, call: t, repeat: 2, from: {p: v, q: b}}
  - {name: g, parallel: {x: {two: {}, from: [a, b]}, y: [{call: t, from: [a, b]}], z: []}, join: add}
""",
    "heads": """\
netspec: 1
inputs: {a: [4]}
layers:
  - {name: t, linear: 4}
  - {name: h, only: train, sequence: [{linear: 3}, {name: i, only: train, linear: 2}]}
  - {name: d, only: train, dropout: 0.5}
  - {name: g, sequence: [{name: q, linear: 4}, {name: aux, only: train, linear: 2}]}
  - {name: e, only: train, sequence: [{dropout: 0.5}, {linear: 4}]}
  - {name: last, linear: 2}
outputs: {main: last, h: h.0, aux: g.aux}
""",
    "freeze": """\
netspec: 1
inputs: {a: [4]}
layers:
  - {name: t, linear: 4}
  - {name: g, freeze: true, sequence: [{call: t}, {name: k, linear: 4}]}
  - {name: u, call: g.k, from: t}
  - {name: w, param: {shape: [4]}, init: {normal: {std: 0.5}}}
  - {name: s, calc: "w * u"}
  - {name: s2, call: s}
  - {name: w2, call: w}
  - {name: s3, add, from: [s2, w2]}
""",
    "names_of_inputs": """\
netspec: 1
inputs: {x: [4], y: [4]}
blocks:
  one:
    inputs: [v]
    layers:
      - {name: l, linear: 4}
      - {name: s, sequence: [{name: m, linear: 4}, {name: j, add, from: [m, v]}]}
layers:
  - {name: a, one, from: x}
  - {name: b, call: a, from: y}
""",
}


@pytest.mark.parametrize("name", CONSTRUCTS)
def test_constructs_that_resolving_says_in_another_way_come_back(name: str) -> None:
    assert_comes_back(compile_source(Source("net.yaml", CONSTRUCTS[name])))
