"""A cell that is an LSTM, a GRU or a plain RNN is recognised in every spelling, and nothing else is."""

from __future__ import annotations

import pytest

from netspec.compiler import compile_source
from netspec.compiler.passes.fused_cells import fused_cells
from netspec.diagnostics import Source
from netspec.ir import Graph, Scan
from netspec.ir.verify import verify
from tests.compiler.cells.spellings import OTHERS, SAME, spec


def fused(text: str) -> tuple[Graph, Scan]:
    """The graph with its scan marked."""
    graph = fused_cells(compile_source(Source("cell.yaml", text)).graph)
    verify(graph)
    [scan] = [region for region in graph.regions() if isinstance(region, Scan)]
    return graph, scan


def test_there_are_twenty_of_each() -> None:
    assert len(SAME) >= 20 and len(OTHERS) >= 20


@pytest.mark.parametrize("name", SAME)
def test_spellings_of_a_layer_are_that_layer(name: str) -> None:
    kind, layers = SAME[name]
    _, scan = fused(spec(layers))
    assert scan.fused is not None
    assert scan.fused.kind == kind


@pytest.mark.parametrize("name", OTHERS)
def test_near_misses_are_none(name: str) -> None:
    assert fused(spec(OTHERS[name]))[1].fused is None


def test_a_cell_that_emits_more_than_its_state_stays_a_loop() -> None:
    text = spec(SAME["lstm, chunk in PyTorch's order"][1])
    assert fused(text.replace("emit: h", "emit: c"))[1].fused is None
    assert fused(text.replace("emit: h", "reverse: true"))[1].fused is not None
