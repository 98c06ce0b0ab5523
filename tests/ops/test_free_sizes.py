"""Every op on free sizes: the formulas that it infers, evaluated, are what it infers from numbers; one module and one
ONNX model, built from the formulas, compute at every size what the module built from numbers computes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from netspec.ir import Dim, Size, TensorType, evaluate, symbol, symbols_of
from netspec.ops.base import Example, Op, OpError
from netspec.ops.registry import ops

pytestmark = [
    pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning"),
    pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning"),
]

#: Which axes are free: those of space, the last one, the first one, all.
CHOICES: dict[str, Callable[[int, int], bool]] = {
    "space": lambda axis, rank: axis > 1,
    "last": lambda axis, rank: axis == rank > 1,
    "first": lambda axis, rank: axis == 1,
    "all": lambda axis, rank: rank > 1,
}
#: Ops with a parameter for each position.
KNOWN = {"locally_connected"}
#: Nothing known of a symbol, or a number that divides what most examples divide by.
MULTIPLES = (1, 24)
OFFSETS = (0, 1, 4)


def free_types(example: Example, choice: str, multiple: int) -> list[TensorType]:
    """The example's inputs; equal sizes at one place are one symbol, sizes of 1 stay."""

    def free(axis: int, size: int, rank: int) -> Size:
        if size == 1 or not CHOICES[choice](axis, rank):
            return size
        return symbol(f"A{axis}S{size}", multiple_of=multiple)

    return [
        type.with_shape(*(free(i, size, len(shape)) for i, size in enumerate(shape, start=1)))
        for type, shape in zip(example.types, example.shapes, strict=True)
    ]


def assignments(types: list[TensorType], multiple: int) -> Iterator[dict[str, int]]:
    """Numbers for the symbols: near the example's, each symbol another offset."""
    names = sorted({each.name for type in types for size in type.shape for each in symbols_of(size)})
    for shift in range(len(OFFSETS)):
        base = {name: int(name.rpartition("S")[2]) for name in names}
        offsets = {name: OFFSETS[(shift + i) % len(OFFSETS)] for i, name in enumerate(names)}
        yield {name: (base[name] + offsets[name] if multiple == 1 else multiple * (1 + shift)) for name in names}


def concrete(types: list[TensorType], sizes: dict[str, int]) -> list[TensorType]:
    return [each.with_shape(*(evaluate(size, sizes) for size in each.shape)) for each in types]


CASES = [
    pytest.param(kind, example, choice, multiple, id=f"{example.layer} on {list(example.shapes)}, {choice}, {multiple}")
    for kind in ops().values()
    for example in kind.examples
    for choice, multiple in product(CHOICES, MULTIPLES)
    if any(isinstance(size, Dim) for type in free_types(example, choice, multiple) for size in type.shape)
]


@pytest.mark.parametrize(("kind", "example", "choice", "multiple"), CASES)
def test_formulas_are_what_numbers_give(
    kind: type[Op], example: Example, choice: str, multiple: int, parse: Callable[[str], Op], trial: Callable[..., Any]
) -> None:
    op, types = parse(example.layer), free_types(example, choice, multiple)
    try:
        inferred = op.infer_all(*types)
    except OpError as error:
        assert str(error)
        return
    case = trial(op, *types)
    onnx.checker.check_model(case.onnx, full_check=True)
    for batch, sizes in enumerate(assignments(types, multiple), start=1):
        numbers = concrete(types, sizes)
        try:
            expected = op.infer_all(*numbers)
        except OpError:
            continue  # a window that does not fit
        assert concrete(list(inferred), sizes) == list(expected)
        assert evaluate(op.macs(*types), sizes) == op.macs(*numbers)
        assert op.params(*types) == op.params(*numbers) and op.explain(*types) == op.explain(*numbers)
        assert_both_backends_agree(case, trial(op, *numbers), batch)


def assert_both_backends_agree(case: Any, known: Any, batch: int) -> None:
    """The free module and the free ONNX model compute what the module of numbers computes with the same weights."""
    known.module.load_state_dict(case.module.state_dict())
    inputs = known.inputs(batch)
    torch.manual_seed(batch)
    expected = known.torch([each.clone() for each in inputs])
    torch.manual_seed(batch)
    torch.testing.assert_close(case.torch([each.clone() for each in inputs]), expected, rtol=0, atol=0, equal_nan=True)
    given = {f"x{i}": each.numpy() for i, each in enumerate(inputs)} | known.drawn(batch)
    [found] = case.session.run(["y0"], given)
    scale = np.abs(expected.numpy()[np.isfinite(expected.numpy())]).max(initial=0.0)
    np.testing.assert_allclose(found, expected.numpy(), rtol=0, atol=1e-5 + 1e-4 * scale)


@pytest.mark.parametrize(
    "kind",
    [kind for kind in ops().values() if (kind.is_variadic() or kind.ports()) and kind.name not in KNOWN],
    ids=lambda kind: kind.name,
)
def test_every_op_takes_some_free_size(kind: type[Op], parse: Callable[[str], Op]) -> None:
    taken = 0
    for example, choice, multiple in product(kind.examples, CHOICES, MULTIPLES):
        types = free_types(example, choice, multiple)
        if any(isinstance(size, Dim) for type in types for size in type.shape):
            try:
                parse(example.layer).infer_all(*types)
            except OpError:
                continue
            taken += 1
    assert taken > 0
