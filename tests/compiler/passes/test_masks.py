"""What lies beyond a sample's length never has influence: forward bit for bit, and on gradients.

The truth is each sample by itself, cut to its length.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import onnxruntime as ort
import pytest
import torch

import netspec
from netspec import SpecError
from netspec.backends.onnx import lower
from netspec.backends.torch import build
from netspec.compiler import Spec, compile_source
from netspec.compiler.passes.masks import masked
from netspec.diagnostics import Source
from netspec.ir import evaluate
from netspec.ir.verify import verify

LENGTHS = (7, 4, 9, 5)
SIZE = max(LENGTHS)

# Layers over `x` [T, 6] (float) and, where the name says so, others; the last value may keep T.
CASES = {
    "linear": "[{linear: 4}, relu]",
    "mean": "[{linear: 4}, {mean: T}]",
    "mean of all": "[{linear: 4}, {mean: {keepdim: true}}]",
    "mean of both": "[{linear: 4}, {mean: [1, 2]}]",
    "sum": "[{linear: 4}, {sum: {dim: T, keepdim: true}}]",
    "amax": "[{linear: 4}, {amax: T}]",
    "amin": "[{linear: 4}, {amin: T}]",
    "argmax": "[{linear: 4}, {argmax: T}]",
    "argmax of all": "[{linear: 4}, argmax]",
    "cumsum": "[{linear: 4}, {cumsum: T}]",
    "softmax": "[{linear: 4}, {softmax: T}]",
    "softmin": "[{linear: 4}, {softmin: T}, {sum: T}]",
    "log_softmax": "[{linear: 4}, {log_softmax: T}]",
    "entropy": "[{linear: 4}, {name: p, softmax: T}, {name: l, log}, {mul, from: [p, l]}, {sum: T}]",
    "attention": "[{multihead_attention: 2}, {linear: 4}]",
    "attention twice": "[{multihead_attention: 2}, relu, {multihead_attention: 3}, {mean: T}]",
    "heads": "[{name: q, linear: 6}, {name: k, from: x, linear: 6}, {scaled_dot_product_attention, from: [q, k, x]}]",
    "causal": "[{scaled_dot_product_attention: {is_causal: true}, from: [x, x, x]}, {linear: 4}]",
    "by hand": "[{name: t, transpose: {dim0: 1, dim1: 2}}, {name: s, matmul, from: [x, t]}, {name: p, softmax: -1}, "
    "{matmul, from: [p, x]}]",
    "conv": "[TURN, {conv: {out_channels: 4, kernel_size: 3, padding: 1}}]",
    "strided": "[TURN, {conv: {out_channels: 4, kernel_size: 3, stride: 2, padding: 2}}, "
    "relu, {conv: {out_channels: 2, kernel_size: 2, stride: 2}}, {mean: 2}]",
    "dilated": "[TURN, {conv: {out_channels: 4, kernel_size: 3, dilation: 2, padding: same}}]",
    "transposed": "[TURN, {conv_transpose: {out_channels: 3, kernel_size: 3, stride: 2}}]",
    "max_pool": "[TURN, {max_pool: {kernel_size: 3, stride: 2, padding: 1}}]",
    "max_pool ceil": "[TURN, {max_pool: {kernel_size: 3, stride: 2, ceil_mode: true}}]",
    "avg_pool": "[TURN, {avg_pool: {kernel_size: 3, stride: 2, padding: 1}}]",
    "lp_pool": "[TURN, {lp_pool: {norm_type: 2, kernel_size: 2}}]",
    "full average": "[{linear: 4}, TURN, {adaptive_avg_pool: 1}, flatten]",
    "full maximum": "[{linear: 4}, TURN, {adaptive_max_pool: 1}, flatten]",
    "flip": "[{linear: 4}, {flip: T}]",
    "flip both": "[{linear: 4}, {flip: [1, 2]}, {cumsum: T}]",
    "last": "[{linear: 4}, {select: {dim: T, index: -1}}]",
    "first": "[{linear: 4}, {select: {dim: T, index: 0}}]",
    "slice": "[{linear: 4}, {slice: {dim: T, start: 1, end: -1}}, {mean: 1}]",
    "every other": "[{linear: 4}, {slice: {dim: T, step: 2}}, {mean: 1}]",
    "pad": "[{linear: 4}, {pad: {pad: [0, 0, 2, 1], value: 0.5}}, {mean: 1}]",
    "repeat_interleave": "[{linear: 4}, {repeat_interleave: {repeats: 2, dim: T}}, {mean: 1}]",
    "batch_norm": "[TURN, batch_norm, {mean: 2}]",
    "positions": "[{name: n, arange: T}, {name: e, embedding: {embedding_dim: 6, num_embeddings: 16}}, "
    "{add, from: [x, e]}, {mean: T}]",
    "length": "[{name: n, length: T}, {name: e, embedding: {embedding_dim: 3, num_embeddings: 16}}]",
    "mask": "[{name: m, mask: T}, {name: u, unsqueeze: -1}, {calc: 'where(u, x, 1)'}, {sum: {dim: [1, 2]}}]",
    "block": "[{name: b, repeat: 2, tower: {width: 6}}, {mean: 1}]",
    "called": "[{name: a, sequence: [{multihead_attention: 2}, {linear: 6}, relu]}, {call: a}, {mean: T}]",
    "of two axes": "[{unsqueeze: 1}, {repeat_interleave: 2}, "
    "{conv: {out_channels: 3, kernel_size: [3, 1], padding: [1, 0]}}, batch_norm, {adaptive_avg_pool: 1}]",
    "divided": "[{linear: 4}, {name: s, softmax: T}, {div, from: [s, s]}, {sum: T}]",
    "roots": "[{linear: 4}, relu, {name: s, sum: {dim: -1}}, {name: c, calc: 'sqrt(s + 0.1) / s'}, "
    "{calc: 'exp(-c)'}, {mean: T}]",
    "rnn": "[{rnn: 4}]",
    "gru": "[{gru: {hidden_size: 4, bidirectional: true}}, {linear: 3}]",
    "lstm": "[{lstm: {hidden_size: 4, num_layers: 2, bidirectional: true}}, {mean: T}]",
    "projected": "[{lstm: {hidden_size: 4, proj_size: 3, bidirectional: true}}]",
    "last state": "[{name: r, gru: {hidden_size: 4, bidirectional: true}}, {identity, from: r.last}]",
    "final states": "[{name: r, lstm: {hidden_size: 4, num_layers: 2}}, {add, from: [r.h, r.c]}]",
    "noise": "[{name: n, randn_like}, {calc: 'x + 0 * n'}, {mean: T}]",
    "each": "[{linear: 5}, {unsqueeze: 2}, {conv: {out_channels: 2, kernel_size: 2}, each: T}, {flatten: 2}]",
    "each with statistics": "[{name: n, batch_norm, each: T}, {name: s, mean: T}, {add, each: T, from: [n, s]}, "
    "{mean: T}]",
    "each in the middle": "[TURN, {softplus, each: T}, {layer_norm: 1}]",
    "scan": "[{name: r, scan: {cell: {cell: {hidden: 4}}, over: T, state: {h: 4, c: 4}, emit: h}, from: x}]",
    "backward scan": "[{name: r, scan: {cell: {cell: {hidden: 4}}, over: T, state: {h: 4, c: 4}, emit: h, "
    "reverse: true}, from: x}, {add, from: [r.h, r.c]}]",
    "scan and step": "[{name: m, mean: T}, {name: s, call: r.step, from: {x: m}}, {name: r, scan: {cell: {cell: "
    "{hidden: 4}}, over: T, state: {h: 4, c: 4}, emit: h}, from: {x: x, h: s.h, c: s.c}}, {mean: T}]",
    "scan with a memory": "[{name: k, linear: 6}, {name: r, scan: {cell: reader, over: T, state: {h: 6}, emit: h, "
    "whole: [memory]}, from: {x: x, memory: k}}, {mean: T}]",
    "learned start": "[{name: s, param: [1, 4]}, {rnn: 4, from: [x, s]}, {mean: T}]",
    "distance": "[{name: l, linear: 6}, {cosine_similarity: {dim: T}, from: [l, x]}]",
}
BLOCK = """
blocks:
  cell:
    args: {hidden: int}
    inputs: [x, h, c]
    layers:
      - {name: xh, concat, from: [x, h]}
      - {name: gates, linear: =4*hidden}
      - {name: g, chunk: 4}
      - {name: new, calc: "sigmoid(g.1) * c + sigmoid(g.0) * tanh(g.2)"}
      - {name: o, calc: "sigmoid(g.3) * tanh(new)"}
    outputs: {h: o, c: new}
  reader:
    inputs: [x, h, memory]
    layers:
      - {name: scores, matmul, from: [memory, h]}
      - {name: weights, softmax: 1}
      - {name: read, matmul, from: [weights, memory]}
      - {name: both, add, from: [read, x]}
      - {name: new, linear: 6}
      - tanh
  tower:
    args: {width: int}
    layers:
      - {name: turn, transpose: {dim0: 1, dim1: 2}}
      - {name: conv, conv: {out_channels: =width, kernel_size: 3, stride: 2, padding: 1}}
      - relu
      - {name: back, transpose: {dim0: 1, dim1: 2}}
"""
# One number is whole, so it has no gradient.
WHOLE = {"argmax", "argmax of all"}


def source(layers: str, dims: str = "{min: 4, lengths: n_x}") -> Source:
    layers = layers.replace("TURN", "{transpose: {dim0: 1, dim1: 2}}")
    text = f"netspec: 1\nname: net\ndims: {{T: {dims}}}\ninputs: {{x: [T, 6]}}\n{BLOCK}layers: {layers}\n"
    return Source("net.yaml", text)


@cache
def spec_of(name: str, least: int = 4) -> Spec:
    return compile_source(source(CASES[name], f"{{min: {least}, lengths: n_x}}"))


def network(spec: Spec) -> torch.nn.Module:
    torch.manual_seed(0)
    module = build(spec.graph)
    for each in module.parameters():
        torch.nn.init.normal_(each, std=0.5)
    return module.eval()


def batch(filler: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Samples of several lengths [4, 9, 6], `filler` beyond them."""
    x = torch.randn(len(LENGTHS), SIZE, 6, generator=torch.Generator().manual_seed(1))
    for row, length in zip(x, LENGTHS, strict=True):
        row[length:] = filler
    return x, torch.tensor(LENGTHS)


def valid(spec: Spec, output: torch.Tensor) -> list[torch.Tensor]:
    """Each sample of an output, cut to its length."""
    type = spec.graph.outputs[0].type
    cuts = []
    for row, length in zip(output, LENGTHS, strict=True):
        for axis in type.valid:
            row = row.narrow(axis - 1, 0, evaluate(type.shape[axis - 1], {"T": length}))
        cuts.append(row)
    return cuts


def gradients(spec: Spec, filler: float) -> list[torch.Tensor]:
    """Of all parameters and of the input, for the sum of squares of the valid outputs."""
    module, (x, lengths) = network(spec), batch(filler)
    x.requires_grad_()
    loss = sum((cut * cut).sum() for cut in valid(spec, module(x, lengths)))
    assert isinstance(loss, torch.Tensor)
    return list(torch.autograd.grad(loss, [x, *module.parameters()], materialize_grads=True, allow_unused=True))


@pytest.mark.parametrize("name", CASES)
def test_padding_never_has_influence_on_values(name: str) -> None:
    spec = spec_of(name)
    verify(spec.graph)
    verify(masked(spec.graph))
    module = network(spec)
    with torch.no_grad():
        clean = module(*batch(0.0))
        for filler in (float("nan"), float("inf"), 1e30):
            assert torch.equal(module(*batch(filler)), clean)


@pytest.mark.parametrize("name", CASES)
def test_a_batch_is_its_samples_one_by_one(name: str) -> None:
    spec = spec_of(name)
    module, (x, lengths) = network(spec), batch(3.0)
    with torch.no_grad():
        together = valid(spec, module(x, lengths))
        for row, length, found in zip(x, LENGTHS, together, strict=True):
            alone = module(row[None, :length], torch.tensor([length]))[0]
            torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in CASES if name not in WHOLE])
def test_padding_never_has_influence_on_gradients(name: str) -> None:
    spec = spec_of(name)
    clean = gradients(spec, 0.0)
    for filler in (float("nan"), 1e30):
        for found, expected in zip(gradients(spec, filler), clean, strict=True):
            assert torch.equal(found, expected)
    x = clean[0]
    assert all(row[length:].count_nonzero() == 0 for row, length in zip(x, LENGTHS, strict=True))


@pytest.mark.parametrize("name", [name for name in CASES if name not in WHOLE])
def test_gradients_of_a_batch_are_the_sum_of_its_samples(name: str) -> None:
    spec = spec_of(name)
    _, *together = gradients(spec, 2.0)
    module, (x, _) = network(spec), batch(2.0)
    for row, length in zip(x, LENGTHS, strict=True):
        module(row[None, :length], torch.tensor([length])).pow(2).sum().backward() if list(
            module.parameters()
        ) else None
    for found, each in zip(together, module.parameters(), strict=True):
        alone = torch.zeros_like(each) if each.grad is None else each.grad
        torch.testing.assert_close(found, alone, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", CASES)
def test_onnx_runtime_computes_the_same(name: str) -> None:
    spec = spec_of(name)
    module = network(spec)
    model = lower(spec.graph, {key: value.numpy() for key, value in module.state_dict().items()})
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    run = ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    for filler in (0.0, float("nan")):
        x, lengths = batch(filler)
        drawn = {each.name: np.zeros(x.shape, np.float32) for each in run.get_inputs() if each.name == "n"}
        [found] = run.run(None, {"x": x.numpy(), "n_x": lengths.numpy(), **drawn})
        with torch.no_grad():
            expected = module(x, lengths)
        for a, b in zip(valid(spec, torch.from_numpy(np.array(found))), valid(spec, expected), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_batch_statistics_leave_padding_out() -> None:
    spec = spec_of("batch_norm")
    module = network(spec).train()
    x, lengths = batch(float("nan"))
    module(x, lengths)
    rows = torch.cat([row[:length] for row, length in zip(x, LENGTHS, strict=True)])
    oracle = torch.nn.BatchNorm1d(6)
    oracle(rows)
    state = module.state_dict()
    torch.testing.assert_close(state["1.running_mean"], oracle.running_mean)
    torch.testing.assert_close(state["1.running_var"], oracle.running_var)
    assert state["1.num_batches_tracked"] == 1


def test_two_axes_with_lengths() -> None:
    text = """
netspec: 1
name: net
dims: {S: {lengths: n_s}, T: {lengths: n_t}}
inputs: {s: [S, 4], t: [T, 4]}
layers:
  - {name: k, linear: 4, from: t}
  - {name: mixed, scaled_dot_product_attention, from: [s, k, t]}
  - {name: scores, matmul, from: [mixed, kt]}
""".replace("  - {name: scores", "  - {name: kt, transpose: {dim0: 1, dim1: 2}, from: k}\n  - {name: scores")
    spec = compile_source(Source("net.yaml", text))
    assert spec.graph.outputs[0].type.valid == {1, 2}
    module = network(spec)
    s, t = torch.randn(3, 5, 4), torch.randn(3, 6, 4)
    n_s, n_t = torch.tensor([5, 2, 3]), torch.tensor([1, 6, 4])
    with torch.no_grad():
        together = module(s, t, n_s, n_t)
        for i in range(3):
            a, b = int(n_s[i]), int(n_t[i])
            alone = module(s[i : i + 1, :a], t[i : i + 1, :b], n_s[i : i + 1], n_t[i : i + 1])[0]
            torch.testing.assert_close(together[i, :a, :b], alone)


REFUSED = {
    "flatten": "[flatten]",
    "concat": "[{concat: 1, from: [x, x]}]",
    "roll": "[{roll: {shifts: 1, dims: 1}}]",
    "tile": "[{tile: [2, 1]}]",
    "chunk": "[{chunk: {chunks: 2, dim: 1}}]",
    "group_norm": "[TURN, {group_norm: 2}]",
    "instance_norm": "[TURN, instance_norm]",
    "avg_pool": "[TURN, {avg_pool: {kernel_size: 3, padding: 1, count_include_pad: false}}]",
    "lp_pool": "[TURN, {lp_pool: {norm_type: 2, kernel_size: 2, ceil_mode: true}}]",
    "conv": "[TURN, {conv: {out_channels: 2, kernel_size: 3, padding: 1, padding_mode: replicate}}]",
    "calc": "[{name: t, transpose: {dim0: 1, dim1: 2}}, {calc: 'softmax(t)'}]",
    "slice": "[{slice: {dim: T, start: -2}}]",
    "interpolate": "[TURN, {interpolate: {scale_factor: 2, mode: linear}}]",
    "reshape": "[{reshape: [-1]}]",
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_masked_is_said_at_its_line(name: str) -> None:
    with pytest.raises(SpecError) as refused:
        compile_source(source(REFUSED[name]))
    [found] = refused.value.diagnostics
    assert found.code == "lengths" and name in found.message and found.span is not None


@pytest.mark.parametrize("name", REFUSED)
def test_without_lengths_it_is_allowed(name: str) -> None:
    assert compile_source(source(REFUSED[name], "{min: 4}")).graph.outputs


def test_networks_without_lengths_are_as_they_were() -> None:
    graph = netspec.load("mnist_convnet").graph
    assert masked(graph) is graph
