"""The form of layers: what is left empty is said, and never passed over."""

from __future__ import annotations

import pytest

from netspec.compiler import compile_source
from netspec.diagnostics import Source, SpecError


@pytest.mark.parametrize(
    ("layers", "code", "line"),
    [
        ("layers:\n", "missing-key", 3),
        ("layers:\n  - {name: , relu}\n", "wrong-type", 4),
        ("layers:\n  - {name: none, relu}\n", "wrong-type", 4),
        ("layers:\n  - relu\n  - {sequence: }\n", "missing-key", 5),
        ("layers:\n  - {parallel: {a: relu, b: }, join: add}\n", "bad-layer", 4),
        ("layers: [a]\nblocks: {a: {layers: }}\n", "missing-key", 4),
    ],
)
def test_what_is_empty_is_reported_at_its_line(layers: str, code: str, line: int) -> None:
    with pytest.raises(SpecError) as caught:
        compile_source(Source("a.yaml", f"netspec: 1\ninputs: {{x: [8]}}\n{layers}"))
    assert [(each.code, each.span.line) for each in caught.value.diagnostics if each.span] == [(code, line)]
