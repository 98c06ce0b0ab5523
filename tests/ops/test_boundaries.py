"""R-16, R-17: -1, 0, 1, the largest and one more in every whole number of every op, and numbers that are none.

Through the whole front end: a diagnostic, or a network that verifies; never a traceback, never a long wait.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from netspec.compiler import compile_source
from netspec.compiler.analyses import layers
from netspec.diagnostics import Source, SpecError
from netspec.ir.verify import verify
from netspec.lang.nodes import Mapping, Scalar, Sequence, plain
from netspec.lang.reader import read
from netspec.ops.attributes import MAX_INT
from netspec.ops.base import Op
from netspec.ops.registry import ops

WHOLE = (-1, 0, 1, MAX_INT, MAX_INT + 1, 2**63)
REAL = (math.nan, math.inf, -math.inf, -1.0, 0.0, 1e39, 5e-324)
SECONDS_EACH = 1.0


def attributes(layer: str, op: type[Op]) -> dict[str, object]:
    """What an example's layer gives to its op."""
    node = read(Source("example.yaml", layer))
    given = node.get(op.name) if isinstance(node, Mapping) else None
    if isinstance(given, Mapping):
        return {key.text: plain(value) for key, value in given}
    main = op.main()
    return {main: plain(given)} if isinstance(given, Scalar | Sequence) and main and plain(given) is not None else {}


def kinds(schema: object) -> Iterator[str]:
    """The kinds of numbers that a field's schema takes, also in lists."""
    if isinstance(schema, dict):
        if schema.get("type") in ("integer", "number"):
            yield schema["type"]
        for value in schema.values():
            yield from kinds(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from kinds(value)


def values(op: type[Op], field: str, given: dict[str, object]) -> Iterator[object]:
    """The boundaries for one field: as it is, for each entry of a list, and as lists of one and two."""
    found = set(kinds(op.model_json_schema()["properties"][field]))
    numbers = [*(WHOLE if found else ()), *(REAL if "number" in found else ())]
    now = given.get(field)
    for number in numbers:
        yield number
        if isinstance(now, list):
            yield from ([*now[:i], number, *now[i + 1 :]] for i in range(len(now)))
        else:
            yield [number]
            yield [number, number]


def flow(value: object) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}[str(value)]
    if isinstance(value, list):
        return f"[{', '.join(map(flow, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {flow(each)}' for key, each in value.items())}}}"
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return f'"{value}"' if isinstance(value, str) else str(value)


def outcome(text: str) -> str:
    start = time.thread_time()
    try:
        spec = compile_source(Source("boundary.yaml", text))
    except SpecError as error:
        assert all(diagnostic.span is not None for diagnostic in error.diagnostics), text
        result = "refused"
    else:
        verify(spec.graph)
        layers(spec.graph)
        result = "network"
    assert time.thread_time() - start <= SECONDS_EACH, text
    return result


def specs(op: type[Op]) -> Iterator[str]:
    for example in op.examples:
        inputs = {f"x{i}": list(shape) for i, shape in enumerate(example.shapes)} or {"x0": [2, 4, 4]}
        kind = example.dtype.value
        lines = "".join(f"  {name}: {{shape: {shape}, dtype: {kind}}}\n" for name, shape in inputs.items())
        reads = f"from: [{', '.join(inputs)}], " if example.shapes else ""
        given = attributes(example.layer, op)
        for field in op.model_fields:
            for value in values(op, field, given):
                layer = f"{{{reads}{op.name}: {flow({**given, field: value})}}}"
                yield f"netspec: 1\ninputs:\n{lines}layers:\n  - {layer}\n"


@pytest.mark.parametrize("name", sorted(ops()))
def test_the_boundaries_of_every_number(name: str) -> None:
    found: Counter[str] = Counter(map(outcome, specs(ops()[name])))
    assert not found or found["refused"], "no boundary was refused"
