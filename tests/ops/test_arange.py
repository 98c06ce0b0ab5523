"""Positions: of a number, of a symbol, and the learned vectors that they choose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from netspec.backends.onnx import lower
from netspec.backends.onnx.sessions import session
from netspec.backends.torch import build, emit
from netspec.compiler import compile_source
from netspec.compiler.resolved import spec_text
from netspec.diagnostics import Source
from netspec.ir import DType, TensorType, symbol
from netspec.ir.text import text
from netspec.ops.base import Op, OpError

Parse = Callable[[str], Op]

GPT = """
netspec: 1
dims: {T: {max: 16}}
inputs: {tokens: {shape: [T], dtype: int64, below: 30}}
layers:
  - {name: wte, embedding: 8}
  - {name: positions, arange: T, from: tokens}
  - {name: wpe, embedding: 8}
  - {name: sum, add, from: [wte, wpe]}
expect: {params: 368}
"""


def test_learned_positions(parse: Parse) -> None:
    """Radford et al. 2019: as many position vectors as T may be long; 30*8 + 16*8 parameters."""
    graph = compile_source(Source("gpt.yaml", GPT)).graph
    module = build(graph).eval().requires_grad_(False)
    assert module.wpe.weight.shape == (16, 8)
    run = session(lower(graph, {key: each.numpy() for key, each in module.state_dict().items()}).SerializeToString())
    for batch, length in ((1, 16), (3, 5)):
        tokens = torch.randint(30, (batch, length))
        wanted = module.wte.weight[tokens] + module.wpe.weight[:length]
        assert torch.equal(module(tokens), wanted)
        [found] = run.run(None, {"tokens": tokens.numpy()})
        np.testing.assert_array_equal(found, wanted.numpy())
    assert "torch.arange(tokens.size(1), device=tokens.device).unsqueeze(0)" in emit(graph)


def test_the_resolved_spec_says_what_it_reads() -> None:
    spec = compile_source(Source("gpt.yaml", GPT.replace("from: tokens}", "from: wte}")))
    again = compile_source(Source("again.yaml", spec_text(spec.graph, spec.document)))
    assert text(again.graph) == text(spec.graph)


def test_a_number_reads_nothing() -> None:
    layers = "layers:\n  - {name: t, arange: 3}\n  - {name: v, embedding: 4}\n  - {name: y, add, from: [a, v]}\n"
    graph = compile_source(Source("n.yaml", f"netspec: 1\ninputs: {{a: [3, 4], b: [3, 4]}}\n{layers}")).graph
    assert graph.nodes[0].inputs == () and graph.nodes[0].outputs[0].type == TensorType(
        (3,), DType.INT64, batched=False, below=3
    )
    module = build(graph)
    assert set(module.state_dict()) == {"v.weight"}, "the numbers are not in the state dict"


def test_the_symbol_may_be_part_of_a_size(parse: Parse, trial: Callable[..., Any]) -> None:
    case = trial(parse("arange: T"), TensorType((3, 2 * symbol("T") + 1)))
    assert case.torch([torch.zeros(4, 3, 11)]).tolist() == [[0, 1, 2, 3, 4]]
    [found] = case.session.run(None, {"x0": np.zeros((4, 3, 11), np.float32)})
    assert found.tolist() == [[0, 1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([], "arange reads nothing that tells the size `T`"),
        ([TensorType((3, 4))], "no size of the input [3, 4] depends on `T`"),
        ([TensorType((symbol("T") * symbol("T"),))], "the size T cannot be read off the input [T*T]"),
    ],
)
def test_refusals(parse: Parse, inputs: list[TensorType], message: str) -> None:
    with pytest.raises(OpError) as caught:
        parse("arange: T").infer(*inputs)
    assert (str(caught.value), caught.value.attr) == (message, "end")
