"""Reductions and elementwise functions: numbers by hand, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from netspec.ir import DType, TensorType
from netspec.ops.base import Op, OpError

Parse = Callable[[str], Op]


@pytest.mark.parametrize(
    ("layer", "expected"),
    [
        ("mean", 3.5),
        ("sum: -1", [3.0, 11.0]),
        ("amax: 1", [2.0, 9.0]),
        ("amin: {dim: 1, keepdim: true}", [[1.0, 2.0]]),
        ("var: 2", [0.5, 24.5]),
        ("var: {dim: 2, correction: 0}", [0.25, 12.25]),
        ("std: {dim: 2, correction: 0}", [0.5, 3.5]),
        ("argmax: 1", [1, 1]),
        ("argmax", 3),
        ("square", [[1.0, 4.0], [4.0, 81.0]]),
        ("clamp: {max: 2}", [[1.0, 2.0], [2.0, 2.0]]),
        ("pow: 0.5", [[1.0, 2**0.5], [2**0.5, 3.0]]),
    ],
)
def test_numbers(parse: Parse, trial: Callable[..., Any], layer: str, expected: Any) -> None:
    """Of [[1, 2], [2, 9]]."""
    case = trial(parse(layer), (2, 2))
    input = torch.tensor([[[1.0, 2.0], [2.0, 9.0]]])
    [onnx] = case.session.run(None, {"x0": input.numpy()})
    for found in (case.torch([input])[0], torch.from_numpy(onnx)[0]):
        torch.testing.assert_close(found, torch.tensor(expected))


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        ("mean: 3", (4, 4), "there is no axis 3: a sample's axes are 1 to 2"),
        ("sum: [1, -2]", (4, 4), "dim [1, -2] names an axis twice"),
        ("amax", (), "there is no axis: the input is one number a sample"),
        ("var: 1", (1,), "var of 1 numbers needs a correction below it, not 1"),
        ("argmax: {keepdim: true}", (4,), "keepdim needs a dim"),
        ("cumsum: 0", (4,), "dim 0 is the batch, which no layer may touch"),
        ("clamp", (4,), "clamp needs `min` or `max`"),
        ("clamp: {min: 2, max: 1}", (4,), "min 2 exceeds max 1"),
        (
            "embedding: {embedding_dim: 2, num_embeddings: 3, padding_idx: 3}",
            (4,),
            "padding_idx 3 is not below num_embeddings 3",
        ),
    ],
)
def test_refusals(parse: Parse, layer: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(TensorType(shape))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("layer", "sources"),
    [("mean: [1, 3]", [2]), ("mean: {dim: 2, keepdim: true}", [1, 2, 3]), ("argmax: 1", [2, 3]), ("sum", [])],
)
def test_where_each_axis_comes_from(parse: Parse, layer: str, sources: list[int]) -> None:
    op, x = parse(layer), TensorType((2, 3, 4))
    assert [op.source(dim, x) for dim in range(1, len(sources) + 1)] == sources


def test_rows_of_the_table(parse: Parse, trial: Callable[..., Any]) -> None:
    case = trial(parse("embedding: {embedding_dim: 2, num_embeddings: 4}"), TensorType((3,), DType.INT64))
    table = case.module.state_dict()["layer.weight"]
    assert torch.equal(case.torch([torch.tensor([[3, 0, 3]])])[0], table[[3, 0, 3]])


def test_the_padding_row_starts_at_zero(parse: Parse, trial: Callable[..., Any]) -> None:
    from netspec.backends.torch import build

    op = parse("embedding: {embedding_dim: 2, num_embeddings: 4, padding_idx: 1}")
    weight = build(trial(op, TensorType((3,), DType.INT64)).graph).state_dict()["layer.weight"]
    assert weight[1].tolist() == [0.0, 0.0] and bool(weight[[0, 2, 3]].ne(0).all())
