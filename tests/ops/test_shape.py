"""Ops that rearrange: the numbers of axes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from netspec.ir import Size, TensorType, evaluate, symbol
from netspec.ops.axes import resolve_axis
from netspec.ops.base import Op, OpError
from netspec.ops.reads import NEW, POINTWISE

Parse = Callable[[str], Op]


@pytest.mark.parametrize(("dim", "axis"), [(1, 1), (3, 3), (-1, 3), (-3, 1)])
def test_axes_count_from_one_and_from_the_end(dim: int, axis: int) -> None:
    assert resolve_axis("dim", dim, 3) == axis


@pytest.mark.parametrize(
    ("dim", "rank", "message"),
    [
        (0, 3, "dim 0 is the batch, which no layer may touch"),
        (-4, 3, "dim -4 is the batch, which no layer may touch"),
        (4, 3, "there is no axis 4: a sample's axes are 1 to 3"),
        (-5, 3, "there is no axis -5: a sample's axes are 1 to 3"),
        (1, 0, "there is no axis 1: the input is one number a sample"),
    ],
)
def test_the_batch_and_absent_axes_are_refused(dim: int, rank: int, message: str) -> None:
    with pytest.raises(OpError) as caught:
        resolve_axis("dim", dim, rank)
    assert str(caught.value) == message


H, W, T = symbol("H"), symbol("W"), symbol("T", multiple_of=4)


@pytest.mark.parametrize(
    ("word", "shape", "axis"), [("H", (3, H, W), 2), ("W", (3, (H - 1) // 2, 2 * W + 1), 3), ("T", (T,), 1)]
)
def test_a_symbol_names_the_axis_that_depends_on_it(word: str, shape: tuple[Size, ...], axis: int) -> None:
    assert resolve_axis("dim", word, shape) == axis


@pytest.mark.parametrize(
    ("word", "shape", "message"),
    [
        ("T", (3, H, W), "dim `T`: no axis of [3, H, W] depends on it"),
        ("H", (H, H // 2, 4), "dim `H`: axes 1 and 2 of [H, H//2, 4] depend on it"),
        ("H", 2, "dim `H` names a symbol; the place of a new axis is a number"),
    ],
)
def test_a_symbol_of_no_axis_or_of_two(word: str, shape: tuple[Size, ...] | int, message: str) -> None:
    with pytest.raises(OpError) as caught:
        resolve_axis("dim", word, shape)
    assert (str(caught.value), caught.value.attr) == (message, "dim")


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        ("flatten", (3, H, W), (3 * H * W,)),
        ("flatten: {start_dim: H, end_dim: W}", (3, H, W, 2), (3, H * W, 2)),
        ("unflatten: {dim: T, unflattened_size: [-1, 4]}", (3, T), (3, T // 4, 4)),
        ("unflatten: {dim: 1, unflattened_size: [H, W]}", (H * W, H, W), (H, W, H, W)),
        ("reshape: [-1, 3]", (3, H, W), (H * W, 3)),
        ("reshape: [3, H, W]", (H, 3, W), (3, H, W)),
        ("reshape: [W, -1]", (H, 3, W), (W, 3 * H)),
        ("squeeze: H", (1, H), (1, H)),
        ("permute: [W, 1, H]", (3, H, W), (W, 3, H)),
        ("transpose: {dim0: H, dim1: -1}", (H, 3, W), (W, 3, H)),
    ],
)
def test_shapes_of_free_sizes(
    parse: Parse, layer: str, shape: tuple[Size, ...], expected: tuple[Size, ...], trial: Callable[..., Any]
) -> None:
    assert parse(layer).infer(TensorType(shape)).shape == expected
    case = trial(parse(layer), TensorType(shape))
    for sizes in ({"H": 2, "W": 3, "T": 8}, {"H": 5, "W": 1, "T": 4}):
        x = torch.randn(2, *(evaluate(size, sizes) for size in shape))
        y = case.torch([x])
        assert tuple(y.shape) == (2, *(evaluate(size, sizes) for size in expected))
        [found] = case.session.run(["y0"], {"x0": x.numpy()})
        np.testing.assert_array_equal(found, y.numpy())


@pytest.mark.parametrize(
    ("layer", "shape", "message", "help"),
    [
        (
            "unflatten: {dim: 1, unflattened_size: [-1, 8]}",
            (T,),
            "unflattened_size [-1, 8] does not fit size T: T elements",
            "`dims: {T: {multiple_of: 8}}` would prove it",
        ),
        ("reshape: [2, H]", (3, H), "shape [2, H] does not fit an input of [3, H]: 3*H elements", None),
        (
            "reshape: [3, W]",
            (3, H),
            "no size of the input [3, H] depends on `W`",
            "the symbols there are: `H`",
        ),
        (
            "reshape: [2, -1]",
            (H, W),
            "shape [2, -1] does not fit an input of [H, W]: H*W elements",
            "`dims: {H: {multiple_of: 2}}` would prove it",
        ),
        (
            "linear: 3",
            (4, T),
            "in_features of linear must be a known number, got T",
            "give `T` a number: `dims: {T: 16}`, or write one in the shape",
        ),
        (
            "glu",
            (H,),
            "glu halves axis 1, whose size H is not known to be even",
            "`dims: {H: {multiple_of: 2}}` would prove it",
        ),
        (
            "adaptive_avg_pool: 4",
            (3, H),
            "output_size 4 needs a known size, or one that 4 divides, got H",
            "`dims: {H: {multiple_of: 4}}` would prove it",
        ),
    ],
)
def test_what_is_not_proven_is_refused(
    parse: Parse, layer: str, shape: tuple[Size, ...], message: str, help: str | None
) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(TensorType(shape))
    assert (str(caught.value), caught.value.help) == (message, help)


@pytest.mark.parametrize(
    ("layer", "shape", "expected"),
    [
        ("flatten", (20, 4, 4), (320,)),
        ("flatten: 2", (20, 4, 4), (20, 16)),
        ("flatten: {end_dim: -2}", (2, 3, 4), (6, 4)),
        ("unflatten: {dim: -1, unflattened_size: [2, -1]}", (3, 8), (3, 2, 4)),
        ("reshape: [-1]", (2, 3), (6,)),
        ("squeeze", (1, 3, 1), (3,)),
        ("squeeze: 2", (1, 3, 1), (1, 3, 1)),
        ("squeeze: [1, -1]", (1, 3, 1), (3,)),
        ("unsqueeze: -1", (3, 4), (3, 4, 1)),
        ("unsqueeze: 2", (3, 4), (3, 1, 4)),
        ("permute: [2, 1]", (3, 4), (4, 3)),
        ("permute: [-1, 1, 2]", (2, 3, 4), (4, 2, 3)),
        ("transpose: {dim0: 1, dim1: -1}", (2, 3, 4), (4, 3, 2)),
    ],
)
def test_shapes(parse: Parse, layer: str, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert parse(layer).infer(TensorType(shape)).shape == expected


@pytest.mark.parametrize(
    ("layer", "shape", "message", "attr"),
    [
        ("flatten: 0", (3, 4), "start_dim 0 is the batch, which no layer may touch", "start_dim"),
        ("flatten: {start_dim: 2, end_dim: 1}", (3, 4), "start_dim 2 comes after end_dim 1", "start_dim"),
        ("permute: [0, 2, 1]", (3, 4), "dims 0 is the batch, which no layer may touch", "dims"),
        ("permute: [1]", (3, 4), "dims [1] must name each of a sample's axes (1, 2) once", "dims"),
        ("permute: [1, -2]", (3, 4), "dims [1, -2] must name each of a sample's axes (1, 2) once", "dims"),
        ("reshape: [5]", (2, 3), "shape [5] does not fit an input of [2, 3]: 6 elements", "shape"),
        ("reshape: [4, -1]", (2, 3), "shape [4, -1] does not fit an input of [2, 3]: 6 elements", "shape"),
        ("reshape: [-1, -1]", (2, 3), "shape [-1, -1] has more than one -1", "shape"),
        (
            "unflatten: {dim: 1, unflattened_size: [4, 2]}",
            (6,),
            "unflattened_size [4, 2] does not fit size 6: 6 elements",
            "unflattened_size",
        ),
        ("squeeze: [1, -2]", (1, 3), "dim [1, -2] names an axis twice", "dim"),
        ("unsqueeze: 4", (3, 4), "there is no axis 4: a sample's axes are 1 to 3", "dim"),
    ],
)
def test_refusals(parse: Parse, layer: str, shape: tuple[int, ...], message: str, attr: str) -> None:
    with pytest.raises(OpError) as caught:
        parse(layer).infer(TensorType(shape))
    assert (str(caught.value), caught.value.attr) == (message, attr)


@pytest.mark.parametrize(
    ("layer", "shape", "sources"),
    [
        ("flatten", (20, 4, 4), [None]),
        ("flatten: 2", (20, 4, 4), [1, None]),
        ("flatten: {end_dim: 2}", (2, 3, 4), [None, 3]),
        ("unflatten: {dim: 1, unflattened_size: [2, 3]}", (6, 4), [None, None, 2]),
        ("reshape: [20, 16]", (20, 4, 4), [1, None]),
        ("squeeze", (1, 3, 1, 4), [2, 4]),
        ("unsqueeze: 2", (3, 4), [1, None, 2]),
        ("permute: [3, 1, 2]", (2, 3, 4), [3, 1, 2]),
        ("stack: 2", (3, 4), [1, None, 2]),
    ],
)
def test_where_each_axis_comes_from(
    parse: Parse, layer: str, shape: tuple[int, ...], sources: list[int | None]
) -> None:
    op, types = parse(layer), [TensorType(shape)] * 2
    types = types if op.is_variadic() else types[:1]
    dims = range(1, len(sources) + 1)
    assert [op.source(dim, *types) for dim in dims] == sources
    assert [op.reads(dim, *types) for dim in dims] == [NEW if source is None else POINTWISE for source in sources]
