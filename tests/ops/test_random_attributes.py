"""Random attributes from each op's own JSON Schema, on random shapes: an op refuses, or both backends agree with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from netspec.ir import TensorType
from netspec.ops.attributes import MAX_INT
from netspec.ops.base import Op, OpError
from netspec.ops.reads import New
from netspec.ops.registry import ops

pytestmark = [
    pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning"),
    pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning"),
]
KINDS = pytest.mark.parametrize("kind", ops().values(), ids=ops())
#: Ops with geometry in their attributes, or whose inputs must fit, get more draws.
GEOMETRIC = {
    "conv", "conv_transpose", "max_pool", "avg_pool", "lp_pool", "adaptive_avg_pool", "adaptive_max_pool", "bmm",
    "interpolate", "multihead_attention", "scaled_dot_product_attention", "cosine_similarity",
}  # fmt: skip
CASES = settings(
    deadline=None, database=None, derandomize=True, phases=(Phase.generate, Phase.shrink),
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)  # fmt: skip


def values(schema: dict[str, Any], length: int) -> st.SearchStrategy[Any]:
    """Small values of a JSON Schema; lists have that length where they may."""
    if "anyOf" in schema:
        # Words name symbols, of which inputs of known sizes have none.
        return st.one_of([values(each, length) for each in schema["anyOf"] if each.get("type") != "string"])
    if "enum" in schema or "const" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    if schema["type"] == "integer":
        return st.integers(max(schema["minimum"], -4), min(schema["maximum"], 4))
    if schema["type"] == "number":
        return numbers(schema)
    if schema["type"] == "string":
        return st.sampled_from(schema.get("examples", ["T"]))
    if schema["type"] == "object":
        return st.just({})
    if schema["type"] == "array":
        size = max(schema["minItems"], length)
        items, unique = values(schema["items"], length), schema.get("uniqueItems", False)
        return st.lists(items, min_size=size, max_size=size, unique=unique)
    return {"boolean": st.booleans(), "null": st.none()}[schema["type"]]


def numbers(schema: dict[str, Any]) -> st.SearchStrategy[float]:
    """Where float32 itself neither overflows nor loses everything: no powers of 1/1000, no slopes of 1e30."""
    is_open = "exclusiveMinimum" in schema
    low = max(schema["exclusiveMinimum" if is_open else "minimum"], -2.0)
    return st.floats(low + 0.125 if is_open else low, min(schema["maximum"], 3.0), width=16)


@st.composite
def uses(draw: st.DrawFn, kind: type[Op], parse: Callable[[str], Op]) -> tuple[dict[str, Any], list[TensorType]]:
    """Attributes and inputs: those of an example with some replaced, or others altogether."""
    example = draw(st.sampled_from(kind.examples))
    near = draw(st.booleans())
    inputs = list(example.shapes) if near else draw(shapes(kind))
    schema = kind.model_json_schema()
    given = dict(parse(example.layer)) if near else {}
    for name, each in schema.get("properties", {}).items():
        if draw(st.integers(0, 2)) == 0 or (name not in given and name in schema.get("required", [])):
            given[name] = draw(values(each, max(map(len, inputs), default=1) - draw(st.integers(0, 1))))
    return given, [TensorType(shape, example.dtype, below=example.below) for shape in inputs]


@st.composite
def shapes(draw: st.DrawFn, kind: type[Op]) -> list[tuple[int, ...]]:
    """Shapes of an op's inputs: mostly equal, so that they fit."""
    count = draw(st.integers(1, 3)) if kind.is_variadic() else len(kind.ports())
    if count == 0:
        return []
    shape = tuple(draw(st.lists(st.integers(1, 9), max_size=4)))
    others = st.one_of(st.just(shape), st.lists(st.integers(1, 3), max_size=3).map(tuple))
    return [shape, *(draw(others) for _ in range(count - 1))]


@KINDS
def test_an_op_refuses_or_both_backends_agree(
    kind: type[Op], parse: Callable[[str], Op], trial: Callable[..., Any]
) -> None:
    """What an op takes, torch takes too (in training and in evaluation), with the inferred shape; and ONNX agrees."""
    taken = 0

    @settings(CASES, max_examples=200 if kind.name in GEOMETRIC else 60)
    @given(uses(kind, parse))
    def check(use: tuple[dict[str, Any], list[TensorType]]) -> None:
        nonlocal taken
        op = kind.model_validate(use[0])
        try:
            op.infer(*use[1])
        except OpError:
            return
        case = trial(op, *use[1])
        for training in (True, False):
            case.module.train(training)
            for i, output in enumerate(case.all_outputs(case.inputs(3))):
                assert tuple(output.shape) == case.expected_shape(3, i)
        case.assert_onnx_agrees(2)
        taken += 1

    check()
    assert taken >= 8, "the draws must not all be refused"


@KINDS
@pytest.mark.parametrize("value", [-1, 0, 1, MAX_INT, MAX_INT + 1])
def test_bounds_give_a_network_or_one_clear_refusal(kind: type[Op], value: int, parse: Callable[[str], Op]) -> None:
    for example in kind.examples:
        types = [*example.types]
        for name in kind.model_fields:
            examine(kind, {**dict(parse(example.layer)), name: value}, types)


def examine(kind: type[Op], values: dict[str, Any], types: list[TensorType]) -> None:
    """All that is asked of an op before anything runs."""
    try:
        op = kind.model_validate(values)
        inferred = op.infer_all(*types)[0]
    except ValidationError as error:
        assert error.error_count() == 1
        return
    except OpError as error:
        assert error.attr is None or error.attr in kind.model_fields
        return
    assert all(size >= 1 for size in inferred.shape)
    assert hash(op) == hash(kind.model_validate(values))
    for question in (op.params, op.macs, op.explain):
        question(*types)
    for dim in range(1, inferred.rank + 1):
        assert (op.source(dim, *types) is None) == isinstance(op.reads(dim, *types), New)


@KINDS
@pytest.mark.parametrize(
    "value", [True, "3", "yes", 1.5, [], {}, [[1]], [True], ["1"], float("nan"), float("inf"), 10**400, [10**30] * 99]
)
def test_values_of_another_kind_are_refused(kind: type[Op], value: Any, parse: Callable[[str], Op]) -> None:
    example = kind.examples[0]
    for name in kind.model_fields:
        examine(kind, {**dict(parse(example.layer)), name: value}, [*example.types])


@pytest.mark.parametrize("kind", [kind for kind in ops().values() if kind.monotone], ids=lambda kind: kind.name)
def test_monotone_ops_never_step_down(kind: type[Op], parse: Callable[[str], Op], trial: Callable[..., Any]) -> None:
    @settings(CASES, max_examples=30)
    @given(uses(kind, parse))
    def check(use: tuple[dict[str, Any], list[TensorType]]) -> None:
        op = kind.model_validate(use[0])
        try:
            case = trial(op, (20_001,))
        except OpError:
            return
        for reach in (1.0, 8.0, 1000.0):
            y = case.torch([torch.linspace(-reach, reach, 20_001)[None]])[0]
            # One unit in the last place is what vectorised transcendental functions promise.
            assert (y.diff() >= -2e-7 * y[1:].abs()).all()

    check()
