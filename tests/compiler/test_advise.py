"""Warnings of what is right but probably not meant."""

from __future__ import annotations

import pytest

from netspec.compiler import compile_source
from netspec.diagnostics import Source


def warnings(layers: str, shape: str = "[3, 9, 9]") -> list[tuple[str, int]]:
    spec = compile_source(Source("net.yaml", f"netspec: 1\ninputs: {{x: {shape}}}\nlayers:\n{layers}\n"))
    return [(each.code, each.span.line) for each in spec.warnings if each.span is not None]


CONV = "conv: {out_channels: 4, kernel_size: 3}"


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (f"  - {CONV}\n  - batch_norm", [("bias-before-norm", 4)]),
        ("  - conv: {out_channels: 4, kernel_size: 3, bias: false}\n  - batch_norm", []),
        (f"  - {CONV}\n  - relu\n  - batch_norm", []),
        (f"  - {{name: a, {CONV}}}\n  - batch_norm\n  - {{add, from: [a, 1]}}", []),  # the bias is read beside it
        (f"  - {{name: s, repeat: 2, sequence: [{{{CONV}}}, batch_norm]}}", [("bias-before-norm", 4)]),  # said once
        ("  - max_pool: 2", [("pool-drops-rows", 4)]),  # 9 = 4 * 2 + 1
        ("  - max_pool: 3", []),
        ("  - max_pool: {kernel_size: 2, ceil_mode: true}", []),
        ("  - max_pool: {kernel_size: 3, stride: 2, padding: 1}", []),
        ("  - max_pool: {kernel_size: 2, stride: 2, padding: 1}", []),  # what is left out is padding
    ],
)
def test_warnings(layers: str, expected: list[tuple[str, int]]) -> None:
    assert warnings(layers) == expected


def test_sigmoids_are_counted_along_the_longest_way() -> None:
    stack = "\n".join("  - {linear: 4}\n  - sigmoid" for _ in range(5))
    assert warnings(stack, "[4]") == [("deep-sigmoid", 13)]
    assert warnings("\n".join("  - {linear: 4}\n  - sigmoid" for _ in range(4)), "[4]") == []
    block = "  - {repeat: 7, sequence: [{linear: 4}, sigmoid]}"
    assert warnings(block, "[4]") == [("deep-sigmoid", 4)]
