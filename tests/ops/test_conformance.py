"""Every op, tested from its declaration alone: the `examples` of its class through both backends.

The truth is torch's: its layers' shapes, `named_parameters`, its FLOP counter, its values; and ONNX Runtime's.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import onnx
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from netspec.ir import TensorType
from netspec.ops.base import Example, Op, trainable
from netspec.ops.reads import All, New, Past, Pointwise, Reverse, Window
from netspec.ops.registry import ops

EXAMPLES = [(kind, example) for kind in ops().values() for example in kind.examples]
IDS = [f"{example.layer} on {list(example.shapes)}" for _, example in EXAMPLES]
# torch says once a process that it copies the input where `same` pads unevenly, and that oneDNN has no projections.
pytestmark = [
    pytest.mark.filterwarnings("ignore:Using padding='same':UserWarning"),
    pytest.mark.filterwarnings("ignore:LSTM with projections:UserWarning"),
]
#: Ports through which NaN goes where nothing else does: what is masked is multiplied by zero.
LEAKY = {("scaled_dot_product_attention", 1), ("scaled_dot_product_attention", 2)}
#: Attributes with one allowed value only.
FIXED = {("batch_norm", "track_running_stats")}


@pytest.fixture(params=EXAMPLES, ids=IDS)
def case(request: pytest.FixtureRequest, parse: Callable[[str], Op], trial: Callable[..., Any]) -> Any:
    """An example as a graph of one node."""
    kind, example = request.param
    op = parse(example.layer)
    assert type(op) is kind, "an example of another op"
    return trial(op, *types_of(example))


def types_of(example: Example) -> list[TensorType]:
    return [*example.types]


@pytest.mark.parametrize("kind", ops().values(), ids=ops())
def test_examples_exercise_every_attribute(kind: type[Op], parse: Callable[[str], Op]) -> None:
    assert kind.examples, f"{kind.name} has no examples"
    used = {name for example in kind.examples for name in parse(example.layer).attributes()}
    assert {(kind.name, name) for name in kind.model_fields if name not in used} <= FIXED
    text = kind.__doc__ or ""
    assert "->" in text and ("put" in text or all(port in text for port in kind.ports())), "no shapes in the docstring"


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_shapes_are_torchs(case: Any, training: bool) -> None:
    case.module.train(training)
    outputs = case.all_outputs(case.inputs(2))
    inferred = case.op.infer_all(*case.types)
    for i, (output, type) in enumerate(zip(outputs, inferred, strict=True)):
        assert tuple(output.shape) == case.expected_shape(2, i)
        assert output.dtype == getattr(torch, type.dtype)
    case.module.eval()


def test_params_are_torchs(case: Any) -> None:
    declared, kept = case.op.params(*case.types), case.module.state_dict()
    named = {"named_parameters": False, "named_buffers": True}
    for method, buffer in named.items():
        found = [(name, tuple(t.shape), t.dtype) for name, t in getattr(case.module, method)() if name in kept]
        [node] = case.graph.nodes
        expected = [(node.key(k), p.shape, getattr(torch, p.dtype)) for k, p in declared.items() if p.buffer is buffer]
        assert found == expected


def test_explain_counts_the_params(case: Any) -> None:
    text = case.op.explain(*case.types)
    count = trainable(case.op.params(*case.types))
    assert (text is None) == (count == 0)
    assert text is None or arithmetic(ast.parse(text, mode="eval").body) == count


def arithmetic(node: ast.expr) -> int:
    """The value of sums and products of integers."""
    if isinstance(node, ast.BinOp):
        left, right = arithmetic(node.left), arithmetic(node.right)
        return left * right if isinstance(node.op, ast.Mult) else left + right
    assert isinstance(node, ast.Constant) and isinstance(node.value, int)
    return node.value


def test_macs_are_half_of_torchs_flops(case: Any) -> None:
    inputs = case.inputs(3)
    case.module.train()  # in evaluation torch computes attention by one operator that it does not count
    # Nor does it count what oneDNN does in one piece.
    with sdpa_kernel(SDPBackend.MATH), without_onednn(), FlopCounterMode(display=False) as counter:
        case.torch(inputs)
    assert 2 * 3 * case.op.macs(*case.types) == counter.get_total_flops()


@contextmanager
def without_onednn() -> Iterator[None]:
    """`torch.backends.mkldnn.flags` would set a flag for Intel's GPUs too, which warns where there are none."""
    torch.backends.mkldnn.set_flags(False)
    try:
        yield
    finally:
        torch.backends.mkldnn.set_flags(True)


def test_onnx_is_valid_and_computes_the_same(case: Any) -> None:
    onnx.checker.check_model(case.onnx, full_check=True)
    for batch in (1, 2, 3):
        case.assert_onnx_agrees(batch)


def test_reads_is_what_nan_shows(case: Any) -> None:
    """NaN passes through nearly every op here, so one put into the input shows exactly which outputs read it."""
    inferred = case.op.infer_all(*case.types)[0]
    if not all(each.dtype.is_floating for each in (inferred, *case.types)):
        return
    for dim in range(1, inferred.rank + 1):
        assert (case.op.source(dim, *case.types) is None) == isinstance(case.op.reads(dim, *case.types), New)
        for port, each in enumerate(case.types):
            pattern, source = case.op.reads_of(port, dim, *case.types)
            assert (source is None) == isinstance(pattern, New)
            if source is not None and not is_stretched(each, source, inferred, dim):
                check_pattern(pattern, influence(case, port, source, dim), exact=(case.op.name, port) not in LEAKY)


def is_stretched(input: TensorType, source: int, output: TensorType, dim: int) -> bool:
    """Whether a size of 1 is broadcast to more."""
    return input.shape[source - 1] == 1 and output.shape[dim - 1] > 1


def influence(case: Any, port: int, source: int, dim: int) -> torch.Tensor:
    """Which positions of the output's axis (rows) read which positions of the input's axis (columns)."""
    columns = []
    for position in range(case.types[port].shape[source - 1]):
        inputs = case.inputs(1)
        hit = differs(case, inputs, port, source, position).movedim(dim, 0)
        columns.append(hit.reshape(len(hit), -1).any(dim=1))
    return torch.stack(columns, dim=1)


def differs(case: Any, inputs: list[torch.Tensor], port: int, source: int, position: int) -> torch.Tensor:
    """Which elements of the output change with the input at that position."""
    leaky = (case.op.name, port) in LEAKY
    with sdpa_kernel(SDPBackend.MATH):  # the fused kernel loses NaN
        before = case.torch([each.clone() for each in inputs])
        inputs[port].select(source, position).fill_(1.5 if leaky else torch.nan)
        after = case.torch(inputs)
    return (before - after).abs() > 1e-6 if leaky else after.isnan()


def check_pattern(pattern: object, found: torch.Tensor, *, exact: bool) -> None:
    out_size, in_size = found.shape
    if isinstance(pattern, Pointwise):
        assert torch.equal(found, torch.eye(in_size, dtype=torch.bool))
    elif isinstance(pattern, Reverse):
        assert torch.equal(found, torch.eye(in_size, dtype=torch.bool).flip(0))
    elif isinstance(pattern, Past):
        assert torch.equal(found, torch.ones_like(found).tril())
    elif isinstance(pattern, All):
        # A bound need not be reached, but where the dependence is plain it must not be called `all`.
        assert in_size == 1 or out_size != in_size or not torch.equal(found, torch.eye(in_size, dtype=torch.bool))
    else:
        assert isinstance(pattern, Window)
        for row in range(out_size):
            declared = range(row * pattern.stride + pattern.lo, row * pattern.stride + pattern.hi + 1)
            check_window(declared, found[row], exact=exact)


def check_window(declared: range, found: torch.Tensor, *, exact: bool) -> None:
    read = set(found.nonzero().flatten().tolist())
    assert read <= set(declared)
    ends = {declared[0], declared[-1]} & set(range(len(found)))
    assert ends <= read or not exact
