"""Hostile specs of blocks, arguments and repeats, through the whole front end: they emit allowed nodes only."""

from __future__ import annotations

import pytest

from netspec.backends.torch import emit
from netspec.compiler import compile_source
from netspec.diagnostics import Source, SpecError
from netspec.ir.verify import verify
from tests.backends.torch.printed import assert_harmless
from tests.lang.hostile_constructs import specs


def emitted(count: int, seed: int) -> int:
    """How many of so many specs are networks; the source of each is looked at."""
    networks = 0
    for text in specs(count, seed):
        try:
            graph = compile_source(Source("hostile.yaml", text)).graph
        except SpecError:
            continue
        verify(graph)
        assert_harmless(emit(graph))
        networks += 1
    return networks


def test_2_000_hostile_specs_emit_only_allowed_nodes() -> None:
    assert emitted(2_000, seed=1) > 100


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_10_000_hostile_networks_emit_only_allowed_nodes() -> None:
    assert emitted(60_000, seed=2) > 10_000
