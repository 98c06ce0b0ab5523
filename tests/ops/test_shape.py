"""Ops that rearrange: the numbers of axes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netspec.ir import TensorType
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
