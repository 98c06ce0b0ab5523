"""docs/frameworks.md says which of PyTorch's tools work on which shipped spec; here they do, or do not, as it says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.multiprocessing as multiprocessing
from torch import nn

import netspec
from netspec.backends.onnx.parity import random_inputs
from netspec.backends.torch import build
from netspec.compiler.admissible import admissible
from netspec.compiler.shipped import shipped
from netspec.ir import Graph
from tests.backends.torch.two_processes import averaged_gradients, sharded_outputs
from tests.pages import DOCS

ROWS: dict[str, tuple[str, ...]] = {
    name: tuple(cell.strip() for cell in cells.split("|"))
    for name, cells in re.findall(
        r"^\| `([a-z0-9_]+)` \|(.*)\|$", (DOCS / "frameworks.md").read_text("utf-8"), re.MULTILINE
    )
}
COLUMNS = ("fx", "export", "compile", "ddp", "fsdp")
#: Networks of more layers, or with more parameters, are traced where there is time.
MANY_LAYERS, MANY_PARAMETERS = 40, 2_000_000


def named(column: str, *cells: str) -> list[Any]:
    """The specs whose row has one of these in a column; large ones are slow."""
    chosen = [name for name, row in ROWS.items() if row[COLUMNS.index(column)] in cells]
    return [pytest.param(name, marks=pytest.mark.slow) if _is_large(name) else name for name in chosen]


def _is_large(name: str) -> bool:
    return len(list(netspec.load(name).graph.walk())) > MANY_LAYERS


def network(graph: Graph) -> tuple[nn.Module, list[torch.Tensor]]:
    """The module and a batch of two; without storage where there are many parameters."""
    inputs = [torch.from_numpy(each) for each in random_inputs(graph, 2, admissible(graph)[1]).values()]
    with torch.device("meta"):
        module = build(graph, initialize=False)
    if sum(parameter.numel() for parameter in module.parameters()) > MANY_PARAMETERS:
        return module.eval(), [each.to("meta") for each in inputs]
    torch.manual_seed(0)
    return build(graph).eval(), inputs


def run(module: Callable[..., Any], inputs: list[torch.Tensor]) -> Any:
    """What it gives; noise is the same each time."""
    torch.manual_seed(1)
    return module(*inputs)


def assert_same(found: Any, expected: Any) -> None:
    for a, b in zip(_tuple(found), _tuple(expected), strict=True):
        assert a.shape == b.shape and a.dtype == b.dtype
        if not a.is_meta:
            torch.testing.assert_close(a, b)


def _tuple(value: Any) -> tuple[torch.Tensor, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def test_every_shipped_spec_has_a_row() -> None:
    assert set(ROWS) == set(shipped())
    assert all(len(row) == len(COLUMNS) and set(row) <= {"yes", "no", ""} for row in ROWS.values())


@pytest.mark.parametrize("name", named("fx", "yes"))
def test_fx_traces(name: str) -> None:
    module, inputs = network(netspec.load(name).graph)
    assert_same(run(torch.fx.symbolic_trace(module), inputs), run(module, inputs))


@pytest.mark.parametrize("name", named("fx", "no"))
def test_fx_does_not_trace(name: str) -> None:
    module, inputs = network(netspec.load(name).graph)
    with pytest.raises((torch.fx.proxy.TraceError, TypeError)):
        torch.fx.symbolic_trace(module)(*inputs)


@pytest.mark.filterwarnings("ignore:The tensor attributes .*_flat_weights:UserWarning")
@pytest.mark.parametrize("name", named("export", "yes"))
def test_export_captures(name: str) -> None:
    module, inputs = network(netspec.load(name).graph)
    assert_same(run(torch.export.export(module, tuple(inputs)).module(), inputs), run(module, inputs))


@pytest.mark.parametrize("name", named("export", "no"))
def test_export_gives_no_module(name: str) -> None:
    module, inputs = network(netspec.load(name).graph)
    with pytest.raises(RuntimeError, match="nonexistent attribute"):
        torch.export.export(module, tuple(inputs)).module()


@pytest.mark.slow
@pytest.mark.parametrize("name", named("compile", "yes"))
def test_compile_computes_the_same(name: str) -> None:
    module, inputs = network(netspec.load(name).graph)
    # Graphs are captured, differentiated and run; no C++ compiler is needed.
    compiled = torch.compile(module.train(), backend="aot_eager", fullgraph=True)
    found, expected = _tuple(compiled(*inputs)), _tuple(module(*inputs))
    assert_same(found, expected)
    ours = torch.autograd.grad(sum(each.sum() for each in found), [*module.parameters()])
    for a, b in zip(
        ours, torch.autograd.grad(sum(each.sum() for each in expected), [*module.parameters()]), strict=True
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.slow
@pytest.mark.parametrize("name", named("compile", "no"))
def test_compile_refuses(name: str) -> None:
    module, inputs = network(netspec.load(name).graph)
    with pytest.raises(torch._dynamo.exc.Unsupported, match="does not support RNN, GRU, or LSTM"):
        torch.compile(module, backend="aot_eager", fullgraph=True)(*inputs)


@pytest.mark.slow
@pytest.mark.parametrize("name", named("ddp", "yes"))
def test_ddp_averages_gradients(name: str) -> None:
    multiprocessing.spawn(averaged_gradients, args=(name, _port()), nprocs=2)


@pytest.mark.slow
@pytest.mark.parametrize("name", named("fsdp", "yes"))
def test_fsdp_shards_parameters(name: str) -> None:
    multiprocessing.spawn(sharded_outputs, args=(name, _port()), nprocs=2)


def _port() -> int:
    import socket

    with socket.socket() as found:
        found.bind(("localhost", 0))
        port: int = found.getsockname()[1]
        return port
