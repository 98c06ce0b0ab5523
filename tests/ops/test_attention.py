"""Attention and matrix products: against torch's own layers with the same parameters, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from netspec.backends.torch import build, emit
from netspec.ir import TensorType
from netspec.ops.base import Op, OpError
from netspec.ops.reads import ALL, POINTWISE, Window

Parse = Callable[[str], Op]


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_it_is_torchs_layer_with_torchs_parameters(parse: Parse, trial: Callable[..., Any], inputs: int) -> None:
    case = trial(parse("multihead_attention: 2"), *[(5, 8), (3, 8), (3, 8)][:inputs])
    layer = nn.MultiheadAttention(8, 2, batch_first=True).eval()
    own = {f"layer.{key}": tensor for key, tensor in layer.state_dict().items()}
    build(case.graph).load_state_dict(own)  # the same keys, in the same shapes
    case.module.load_state_dict(own)
    given = case.inputs(4)
    query, key, value = (given * 3)[:3] if inputs == 1 else (given[0], given[1], given[-1])
    torch.testing.assert_close(case.torch(given), layer(query, key, value, need_weights=False)[0].detach())


def test_what_is_printed(parse: Parse, trial: Callable[..., Any]) -> None:
    source = emit(trial(parse("multihead_attention: 2"), (5, 8)).graph)
    assert "self.layer = nn.MultiheadAttention(8, 2, batch_first=True)" in source
    assert "self.layer(x0, x0, x0, need_weights=False)[0]" in source


def test_learned_queries_are_the_same_for_every_sample(parse: Parse, trial: Callable[..., Any]) -> None:
    """Queries that a `param` gives attend to each sample's own keys."""
    op = parse("multihead_attention: 2")
    case = trial(op, TensorType((3, 4), batched=False), TensorType((5, 4)))
    query, memory = case.inputs(2)
    plain = trial(op, (3, 4), (5, 4))
    plain.module.load_state_dict(case.module.state_dict())
    torch.testing.assert_close(case.torch([query, memory]), plain.torch([query.expand(2, 3, 4), memory]))
    case.assert_onnx_agrees(2)


def test_causal_attention_does_not_look_ahead(parse: Parse, trial: Callable[..., Any]) -> None:
    """The first position sees only itself, so its value comes out unchanged."""
    case = trial(parse("scaled_dot_product_attention: {is_causal: true}"), (4, 3), (4, 3), (4, 3))
    inputs = case.inputs(2)
    torch.testing.assert_close(case.torch(inputs)[:, 0], inputs[2][:, 0])
    types = case.types
    assert case.op.reads_of(0, 1, *types) == (POINTWISE, 1)
    assert case.op.reads_of(2, 1, *types) == (Window(1, -3, 0), 1)
    assert parse("scaled_dot_product_attention").reads_of(1, 1, *types) == (ALL, 1)


@pytest.mark.parametrize(
    ("layer", "shapes", "macs"),
    [
        ("scaled_dot_product_attention", [(2, 5, 4), (2, 3, 4), (2, 3, 6)], 2 * 5 * 3 * (4 + 6)),
        ("multihead_attention: 2", [(5, 8)], 4 * 5 * 8 * 8 + 2 * 5 * 5 * 8),
        ("matmul", [(2, 3, 4), (4, 5)], 2 * 3 * 4 * 5),
        ("matmul", [(4,), (4,)], 4),
    ],
)
def test_macs_by_hand(parse: Parse, layer: str, shapes: list[tuple[int, ...]], macs: int) -> None:
    assert parse(layer).macs(*map(TensorType, shapes)) == macs


def test_a_row_too_long_to_explain_has_the_lectures_form(parse: Parse) -> None:
    """ViT-B's attention: 4 * (768 + 1) * 768 = 2,362,368."""
    assert parse("multihead_attention: 12").explain(TensorType((197, 768))) == "4 * (768 + 1) * 768"


@pytest.mark.parametrize(
    ("layer", "shapes", "message"),
    [
        ("multihead_attention: 3", [(5, 8)], "embed_dim 8 is not divisible by num_heads 3"),
        ("multihead_attention: 2", [(8,)], "multihead_attention needs [positions, embed_dim], got [8] and [8] and [8]"),
        (
            "multihead_attention: 2",
            [(5, 8), (3, 8), (4, 8)],
            "multihead_attention needs as many keys as values, got [3, 8] and [4, 8]",
        ),
        (
            "scaled_dot_product_attention",
            [(5, 4), (3, 4), (2, 4)],
            "scaled_dot_product_attention needs [*, targets, features], [*, sources, features] and "
            "[*, sources, values], got [5, 4] and [3, 4] and [2, 4]",
        ),
        ("matmul", [(3, 4), (3, 4)], "matmul needs [..., n, m] and [..., m, p], got [3, 4] and [3, 4]"),
        ("bmm", [(4,), (4, 3)], "bmm needs two matrices, got [4] and [4, 3]"),
        (
            "pairwise_distance",
            [(), ()],
            "pairwise_distance needs an axis of features; the inputs are one number a sample",
        ),
        (
            "cosine_similarity",
            [(3, 4), (1, 4)],
            "cosine_similarity needs equal sizes along axis 1, got [3, 4] and [1, 4]",
        ),
    ],
)
def test_refusals(parse: Parse, layer: str, shapes: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(*map(TensorType, shapes))
    assert str(caught.value) == message


def test_ports_that_may_be_left_out(parse: Parse) -> None:
    assert type(parse("multihead_attention: 2")).ports() == ("query", "key", "value")
    assert type(parse("multihead_attention: 2")).required_ports() == ("query",)
    assert type(parse("matmul")).required_ports() == ("input", "other")
