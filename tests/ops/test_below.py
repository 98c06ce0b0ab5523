"""The bound of whole numbers: which ops keep it, and how many rows follow from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from netspec.ir import DType, TensorType
from netspec.ops.base import Op, OpError
from netspec.ops.registry import ops

Parse = Callable[[str], Op]

MOVING = [kind for kind in ops().values() if kind.moves_only]
INTEGER = [kind for kind in ops().values() if DType.INT64 in kind.dtypes and (kind.ports() or kind.is_variadic())]


def indices(*shape: int, below: int) -> TensorType:
    return TensorType(shape, DType.INT64, below=below)


@pytest.mark.parametrize("kind", MOVING, ids=lambda kind: kind.name)
def test_what_only_moves_elements_keeps_the_largest_bound(
    kind: type[Op], parse: Parse, trial: Callable[..., Any]
) -> None:
    for example in kind.examples:
        op = parse(example.layer)
        types = [indices(*shape, below=50 + i) for i, shape in enumerate(example.shapes)]
        inferred = op.infer_all(*types)
        assert {each.below for each in inferred} == {49 + len(types)}
        case = trial(op, *types)
        inputs = case.inputs(2)
        given = {number for each in inputs for number in each.flatten().tolist()}
        for output in case.all_outputs(inputs):
            assert set(output.flatten().tolist()) <= given, "an element was computed"
        unbounded = [replace(each, below=None) for each in types[:1]] + types[1:]
        assert {each.below for each in op.infer_all(*unbounded)} == {None}


@pytest.mark.parametrize(
    "kind", [kind for kind in INTEGER if not kind.moves_only and kind.below is Op.below], ids=lambda kind: kind.name
)
def test_what_computes_has_no_bound(kind: type[Op], parse: Parse) -> None:
    for example in kind.examples:
        types = [indices(*shape, below=4) for shape in example.shapes]
        try:
            inferred = parse(example.layer).infer_all(*types)
        except OpError:
            continue  # an attribute for floats
        assert {each.below for each in inferred} == {None}


def test_rows_follow_from_the_bound(parse: Parse, trial: Callable[..., Any]) -> None:
    case = trial(parse("embedding: 4"), indices(5, below=11))
    assert type(case.module.layer) is torch.nn.Embedding
    assert case.module.layer.weight.shape == (11, 4)
    assert case.op.params(*case.types)["weight"].shape == (11, 4)
    hot = trial(parse("one_hot"), indices(5, below=11))
    [x] = hot.inputs(2)
    assert torch.equal(hot.torch([x]), torch.nn.functional.one_hot(x, 11))


@pytest.mark.parametrize(
    ("layer", "below", "message", "attr"),
    [
        (
            "embedding: {embedding_dim: 4, num_embeddings: 10}",
            11,
            "num_embeddings 10 is too small: the input's indices are below 11",
            "num_embeddings",
        ),
        ("one_hot: 3", 4, "num_classes 3 is too small: the input's indices are below 4", "num_classes"),
        ("one_hot", None, "one_hot does not know how many indices its input has", None),
        ("embedding: 4", None, "embedding does not know how many indices its input has", None),
        (
            "embedding: {embedding_dim: 4, padding_idx: 11}",
            11,
            "padding_idx 11 is not below num_embeddings 11",
            "padding_idx",
        ),
    ],
)
def test_refusals(parse: Parse, layer: str, below: int | None, message: str, attr: str | None) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(TensorType((5,), DType.INT64, below=below))
    assert (str(caught.value), caught.value.attr, caught.value.code) == (message, attr, "bad-attribute")


def test_more_rows_than_indices_are_allowed(parse: Parse) -> None:
    op = parse("embedding: {embedding_dim: 4, num_embeddings: 64}")
    assert op.params(indices(5, below=11))["weight"].shape == (64, 4)


def test_the_type_says_it() -> None:
    assert str(indices(5, below=11)) == "[5] int64 below 11"
