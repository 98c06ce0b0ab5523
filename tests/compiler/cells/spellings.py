"""Cells in many spellings: the same layer written differently, and others that are nearly one."""

from __future__ import annotations

HEAD = """
netspec: 1
inputs: {x: [T, 3]}
blocks:
  gate:
    inputs: [x, h]
    layers:
      - {concat, from: [x, h]}
      - {name: map, linear: 4}
      - {name: value, sigmoid}
  cell:
    inputs: [x, h%s]
    layers:
%s
    outputs: {h: new_h%s}
layers:
  - {name: rnn, scan: {cell: cell, over: T, state: {h: 4%s}, emit: h}}
outputs: {y: rnn, h: rnn.h%s}
"""


def spec(layers: str) -> str:
    """The spec of a cell; one that makes a `new_c` has a second state."""
    body = "\n".join(f"      - {line.strip()}" for line in layers.splitlines() if line.strip())
    more = (", c", body, ", c: new_c", ", c: 4", ", c: rnn.c") if "new_c" in layers else ("", body, "", "", "")
    return HEAD % more


XH = "{name: xh, concat, from: [x, h]}"
HX = "{name: hx, concat, from: [h, x]}"
FOUR = """
{name: i, linear: 4, from: xh}
{name: f, linear: 4, from: xh}
{name: u, linear: 4, from: xh}
{name: o, linear: 4, from: xh}
"""
TAIL = """
{name: new_c, calc: "sigmoid(f) * c + sigmoid(i) * tanh(u)"}
{name: new_h, calc: "sigmoid(o) * tanh(new_c)"}
"""
RZ = """
{name: rz, linear: 8, from: xh}
{name: p, chunk: 2, from: rz}
{name: r, sigmoid, from: p.0}
{name: z, sigmoid, from: p.1}
{name: nx, linear: 4, from: x}
{name: nh, linear: 4, from: h}
"""

#: By kind: spellings of that layer.
SAME = {
    "lstm, chunk in PyTorch's order": ("lstm", f"""
        {XH}
        {{name: gates, linear: 16}}
        {{name: g, chunk: 4}}
        {{name: new_c, calc: "sigmoid(g.1) * c + sigmoid(g.0) * tanh(g.2)"}}
        {{name: new_h, calc: "sigmoid(g.3) * tanh(new_c)"}}"""),
    "lstm, Keras's order": ("lstm", f"""
        {XH}
        {{name: gates, linear: 16}}
        {{name: g, split: [4, 4, 4, 4]}}
        {{name: new_c, calc: "sigmoid(g.1) * c + sigmoid(g.0) * tanh(g.2)"}}
        {{name: new_h, calc: "tanh(new_c) * sigmoid(g.3)"}}"""),
    "lstm, TensorFlow's order i j f o": ("lstm", f"""
        {HX}
        {{name: gates, linear: 16}}
        {{name: g, chunk: 4}}
        {{name: new_c, calc: "tanh(g.1) * sigmoid(g.0) + c * sigmoid(g.2)"}}
        {{name: new_h, calc: "sigmoid(g.3) * tanh(new_c)"}}"""),
    "lstm, a linear for each gate": ("lstm", XH + FOUR + TAIL),
    "lstm, linears of x and of h": ("lstm", """
        {name: gx, linear: 16, from: x}
        {name: gh, linear: 16, from: h}
        {name: gates, add, from: [gx, gh]}
        {name: g, chunk: 4}
        {name: new_c, calc: "sigmoid(g.1) * c + sigmoid(g.0) * tanh(g.2)"}
        {name: new_h, calc: "sigmoid(g.3) * tanh(new_c)"}"""),
    "lstm, one bias": ("lstm", """
        {name: gx, linear: 16, from: x}
        {name: gh, linear: {out_features: 16, bias: false}, from: h}
        {name: g, calc: "gx + gh"}
        {name: p, chunk: 4}
        {name: new_c, calc: "sigmoid(p.1) * c + sigmoid(p.0) * tanh(p.2)"}
        {name: new_h, calc: "sigmoid(p.3) * tanh(new_c)"}"""),
    "lstm, no bias": ("lstm", f"""
        {XH}
        {{name: gates, linear: {{out_features: 16, bias: false}}}}
        {{name: g, chunk: 4}}
        {{name: new_c, calc: "sigmoid(g.1) * c + sigmoid(g.0) * tanh(g.2)"}}
        {{name: new_h, calc: "sigmoid(g.3) * tanh(new_c)"}}"""),
    "lstm, slices": ("lstm", f"""
        {XH}
        {{name: gates, linear: 16}}
        {{name: i, slice: {{dim: 1, start: 0, end: 4}}, from: gates}}
        {{name: f, slice: {{dim: -1, start: 4, end: 8}}, from: gates}}
        {{name: o, narrow: {{dim: 1, start: 8, length: 4}}, from: gates}}
        {{name: u, slice: {{dim: 1, start: -4}}, from: gates}}""" + TAIL),
    "lstm, selected rows": ("lstm", f"""
        {XH}
        {{name: flat, linear: 16}}
        {{name: gates, unflatten: {{dim: 1, unflattened_size: [4, 4]}}}}
        {{name: i, select: {{dim: 1, index: 0}}, from: gates}}
        {{name: f, select: {{dim: 1, index: 1}}, from: gates}}
        {{name: u, select: {{dim: 1, index: 2}}, from: gates}}
        {{name: o, select: {{dim: 1, index: -1}}, from: gates}}""" + TAIL),
    "lstm, all by layers": ("lstm", XH + FOUR + """
        {name: si, sigmoid, from: i}
        {name: sf, sigmoid, from: f}
        {name: tu, tanh, from: u}
        {name: so, sigmoid, from: o}
        {name: keep, mul, from: [sf, c]}
        {name: write, mul, from: [si, tu]}
        {name: new_c, add, from: [write, keep]}
        {name: tc, tanh}
        {name: new_h, mul, from: [tc, so]}"""),
    "lstm, sigmoid of three at once": ("lstm", f"""
        {XH}
        {{name: ifo, linear: 12}}
        {{name: s, sigmoid}}
        {{name: g, chunk: 3}}
        {{name: u, linear: 4, from: xh}}
        {{name: new_c, calc: "g.1 * c + g.0 * tanh(u)"}}
        {{name: new_h, calc: "g.2 * tanh(new_c)"}}"""),
    "lstm, a forget gate that says what is forgotten": ("lstm", XH + FOUR + """
        {name: new_c, calc: "(1 - sigmoid(f)) * c + sigmoid(i) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}"""),
    "lstm, sigmoid by exp": ("lstm", XH + FOUR + """
        {name: new_c, calc: "c / (1 + exp(-f)) + tanh(u) / (1 + exp(-i))"}
        {name: new_h, calc: "tanh(new_c) / (1 + exp(-o))"}"""),
    "lstm, gates that are blocks": ("lstm", f"""
        {{name: i, gate, from: [x, h]}}
        {{name: f, gate, from: [x, h]}}
        {{name: o, gate, from: [x, h]}}
        {XH}
        {{name: u, linear: 4}}
        {{name: new_c, calc: "f * c + i * tanh(u)"}}
        {{name: new_h, calc: "o * tanh(new_c)"}}"""),
    "lstm, biases that are layers": ("lstm", """
        {name: gx, linear: {out_features: 16, bias: false}, from: x}
        {name: gh, linear: {out_features: 16, bias: false}, from: h}
        {name: b, param: [16]}
        {name: g, calc: "gx + gh + b"}
        {name: p, chunk: 4}
        {name: new_c, calc: "sigmoid(p.1) * c + sigmoid(p.0) * tanh(p.2)"}
        {name: new_h, calc: "sigmoid(p.3) * tanh(new_c)"}"""),
    "lstm, a forget gate that starts open": ("lstm", XH + FOUR + """
        {name: new_c, calc: "sigmoid(f + 1) * c + sigmoid(i - 0.5) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}"""),
    "lstm, numbers for biases": ("lstm", f"""
        {XH}
        {{name: gates, linear: {{out_features: 16, bias: false}}}}
        {{name: g, chunk: 4}}
        {{name: new_c, calc: "sigmoid(g.1 + 1) * c + (1 - sigmoid(-1 - g.0)) * tanh(g.2)"}}
        {{name: new_h, calc: "sigmoid(g.3) * tanh(new_c)"}}"""),
    "lstm, a bias in one gate": ("lstm", f"""
        {XH}
        {{name: i, linear: {{out_features: 4, bias: false}}}}
        {{name: f, linear: 4, from: xh}}
        {{name: u, linear: {{out_features: 4, bias: false}}, from: xh}}
        {{name: o, linear: {{out_features: 4, bias: false}}, from: xh}}""" + TAIL),
    "lstm, matrices as on the slide": ("lstm", """
        {name: W, param: [16, 3]}
        {name: U, param: [16, 4]}
        {name: b, param: [16]}
        {name: a, calc: "W @ x + U @ h + b"}
        {name: g, chunk: 4}
        {name: new_c, calc: "sigmoid(g.1) * c + sigmoid(g.0) * tanh(g.2)"}
        {name: new_h, calc: "sigmoid(g.3) * tanh(new_c)"}"""),
    "gru, matrices and rows of them": ("gru", """
        {name: xh, concat, from: [x, h]}
        {name: rz, param: [8, 7]}
        {name: m, chunk: {chunks: 2, dim: 1}, from: rz}
        {name: wn, param: [4, 3]}
        {name: nx, matmul, from: [wn, x]}
        {name: nh, linear: 4, from: h}
        {name: n, calc: "tanh(nx + sigmoid(m.0 @ xh) * nh + 0.25)"}
        {name: z, calc: "sigmoid(m.1 @ xh)"}
        {name: new_h, calc: "(1 - z) * n + z * h"}"""),
    "gru, as PyTorch writes it": ("gru", XH + RZ + """
        {name: n, calc: "tanh(nx + r * nh)"}
        {name: new_h, calc: "(1 - z) * n + z * h"}"""),
    "gru, the update gate the other way": ("gru", XH + RZ + """
        {name: n, calc: "tanh(nx + r * nh)"}
        {name: new_h, calc: "(1 - z) * h + z * n"}"""),
    "gru, a step towards the candidate": ("gru", XH + RZ + """
        {name: n, calc: "tanh(r * nh + nx)"}
        {name: new_h, calc: "h + (1 - z) * (n - h)"}"""),
    "gru, a reset gate that says what is reset": ("gru", XH + RZ + """
        {name: n, calc: "tanh(nx + nh - r * nh)"}
        {name: new_h, calc: "n - z * (n - h)"}"""),
    "gru, no bias behind the reset gate": ("gru", f"""
        {XH}
        {{name: zr, linear: 8}}
        {{name: p, chunk: 2}}
        {{name: nx, linear: 4, from: x}}
        {{name: nh, linear: {{out_features: 4, bias: false}}, from: h}}
        {{name: n, calc: "tanh(nx + sigmoid(p.1) * nh)"}}
        {{name: new_h, calc: "sigmoid(p.0) * h + (1 - sigmoid(p.0)) * n"}}"""),
    "rnn, concat": ("tanh", f"""
        {XH}
        {{name: map, linear: 4}}
        {{name: new_h, tanh}}"""),
    "rnn, two linears": ("tanh", """
        {name: a, linear: 4, from: x}
        {name: b, linear: {out_features: 4, bias: false}, from: h}
        {name: new_h, calc: "tanh(a + b)"}"""),
    "rnn, twice a half": ("tanh", """
        {name: a, linear: 4, from: x}
        {name: b, linear: 4, from: h}
        {name: new_h, calc: "-tanh(-(2 * a + b) / 2)"}"""),
    "rnn, tanh(W x + U h + b)": ("tanh", """
        {name: W, param: [4, 3]}
        {name: U, param: [4, 4]}
        {name: b, param: [4]}
        {name: new_h, calc: "tanh(W @ x - U @ h + b)"}"""),
    "rnn, relu": ("relu", f"""
        {HX}
        {{name: map, linear: 4}}
        {{name: new_h, relu}}"""),
}  # fmt: skip

#: Cells that are none of the layers.
OTHERS = {
    "gru that resets before the product": XH + RZ + """
        {name: rh, mul, from: [r, h]}
        {name: nr, linear: 4, from: rh}
        {name: n, calc: "tanh(nx + nr)"}
        {name: new_h, calc: "(1 - z) * n + z * h"}""",
    "gru whose gates do not add up to one": XH + RZ + """
        {name: n, calc: "tanh(nx + r * nh)"}
        {name: new_h, calc: "(1 - r) * n + z * h"}""",
    "gru with relu": XH + RZ + """
        {name: n, calc: "relu(nx + r * nh)"}
        {name: new_h, calc: "(1 - z) * n + z * h"}""",
    "gru that resets the input": XH + RZ + """
        {name: n, calc: "tanh(r * nx + nh)"}
        {name: new_h, calc: "(1 - z) * n + z * h"}""",
    "gru without a reset gate": XH + RZ + """
        {name: n, calc: "tanh(nx + nh)"}
        {name: new_h, calc: "(1 - z) * n + z * h"}""",
    "gru with a tanh for a gate": XH + RZ + """
        {name: n, calc: "tanh(nx + tanh(p.0) * nh)"}
        {name: new_h, calc: "(1 - z) * n + z * h"}""",
    "lstm of 1997": XH + FOUR + """
        {name: new_c, calc: "c + sigmoid(i) * tanh(u) + 0 * f"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "lstm with peepholes": XH + FOUR + """
        {name: p, param: [4]}
        {name: new_c, calc: "sigmoid(f + p * c) * c + sigmoid(i) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "lstm with swapped activations": XH + FOUR + """
        {name: new_c, calc: "tanh(f) * c + sigmoid(i) * sigmoid(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "lstm without the last tanh": XH + FOUR + """
        {name: new_c, calc: "sigmoid(f) * c + sigmoid(i) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * new_c"}""",
    "lstm that puts out the cell before": XH + FOUR + """
        {name: new_c, calc: "sigmoid(f) * c + sigmoid(i) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(c)"}""",
    "lstm with a relu": XH + FOUR + """
        {name: new_c, calc: "sigmoid(f) * c + sigmoid(i) * relu(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "lstm whose gate is squared": XH + FOUR + """
        {name: new_c, calc: "sigmoid(f) * sigmoid(f) * c + sigmoid(i) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "lstm with a scaled gate": XH + FOUR + """
        {name: new_c, calc: "0.9 * sigmoid(f) * c + sigmoid(i) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "lstm that adds a number to its cell": XH + FOUR + """
        {name: new_c, calc: "sigmoid(f) * c + sigmoid(i) * tanh(u) + 0.5"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "lstm that adds to what it puts out": XH + FOUR + """
        {name: new_c, calc: "sigmoid(f) * c + sigmoid(i) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c) + 0.5"}""",
    "lstm with layer norm": XH + FOUR + """
        {name: norm, layer_norm, from: f}
        {name: new_c, calc: "sigmoid(norm) * c + sigmoid(i) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "lstm with a gate of x alone": XH + FOUR + """
        {name: fx, linear: 4, from: x}
        {name: new_c, calc: "sigmoid(fx) * c + sigmoid(i) * tanh(u) + 0 * f"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "lstm with two layers for a gate": XH + FOUR + """
        {name: deep, linear: 4, from: f}
        {name: new_c, calc: "sigmoid(deep) * c + sigmoid(i) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "lstm that adds its input": XH + FOUR + """
        {name: skip, linear: 4, from: x}
        {name: new_c, calc: "sigmoid(f) * c + sigmoid(i) * tanh(u)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c) + skip"}""",
    "lstm that drops out": XH + FOUR + """
        {name: drop, dropout: 0.5, from: u}
        {name: new_c, calc: "sigmoid(f) * c + sigmoid(i) * tanh(drop)"}
        {name: new_h, calc: "sigmoid(o) * tanh(new_c)"}""",
    "rnn with a sigmoid": f"""
        {XH}
        {{name: map, linear: 4}}
        {{name: new_h, sigmoid}}""",
    "rnn with a matrix that is squared": """
        {name: W, param: [4, 3]}
        {name: U, param: [4, 4]}
        {name: new_h, calc: "tanh(W @ x + (U * U) @ h)"}""",
    "rnn with a matrix that is turned": """
        {name: W, param: [4, 3]}
        {name: U, param: [4, 4]}
        {name: new_h, calc: "tanh(W @ x + h @ U)"}""",
    "rnn that reads the elements of a matrix as another": """
        {name: W, param: [4, 3]}
        {name: U, param: [2, 8]}
        {name: V, unflatten: {dim: 2, unflattened_size: [4, 2]}}
        {name: S, reshape: [4, 4]}
        {name: new_h, calc: "tanh(W @ x + S @ h)"}""",
    "rnn that stretches one element": f"""
        {XH}
        {{name: map, linear: 4}}
        {{name: column, unsqueeze: -1}}
        {{name: line, unsqueeze: 1, from: h}}
        {{name: table, calc: "column + 0 * line"}}
        {{name: row, select: {{dim: 1, index: 0}}}}
        {{name: new_h, tanh}}""",
    "gru with a number behind the reset gate": XH + RZ + """
        {name: n, calc: "tanh(nx + r * (nh + 1))"}
        {name: new_h, calc: "(1 - z) * n + z * h"}""",
    "rnn that leaks": f"""
        {XH}
        {{name: map, linear: 4}}
        {{name: new_h, calc: "0.5 * h + 0.5 * tanh(map)"}}""",
    "rnn with a group of training only": """
        {name: b, from: h, sequence: [{linear: 4}], only: train}
        {name: a, linear: 4, from: x}
        {name: new_h, calc: "tanh(a + b)"}""",
    "rnn without an input's weight": """
        {name: b, linear: 4, from: h}
        {name: s, sum: {dim: 1, keepdim: true}, from: x}
        {name: new_h, calc: "tanh(b + s)"}""",
    "rnn that is not squashed": f"""
        {XH}
        {{name: new_h, linear: 4}}""",
}  # fmt: skip
