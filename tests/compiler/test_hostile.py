"""Hostile texts through the whole front end: a spec, or a SpecError whose every diagnostic has a place."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable

import pytest

from netspec.compiler import compile_source
from netspec.diagnostics import CODES, Diagnostic, Source, SpecError
from netspec.diagnostics.json import render_json
from netspec.diagnostics.text import MAX_BYTES, render_text
from tests.lang.hostile import specs, texts

SECONDS_EACH = 2.0  # far above what any takes; a hang is minutes


def codes_of(hostile: Iterable[str]) -> Counter[str]:
    """How often each code came out; every place is checked on the way."""
    found: Counter[str] = Counter()
    for text in hostile:
        start = time.thread_time()
        found.update(_codes(text))
        assert time.thread_time() - start < SECONDS_EACH, text
    return found


def _codes(text: str) -> list[str]:
    source = Source("hostile.yaml", text)
    found = _diagnostics(source)
    if found is None:
        return ["fine"]
    assert found
    for diagnostic in found:
        assert diagnostic.code in CODES
        assert diagnostic.span is not None, (diagnostic, text)
        assert 0 <= diagnostic.span.start <= diagnostic.span.end <= len(source.text), (diagnostic, text)
        assert diagnostic.location.startswith("hostile.yaml:")
    render_text(found)
    return [diagnostic.code for diagnostic in found]


def _diagnostics(source: Source) -> tuple[Diagnostic, ...] | None:
    try:
        compile_source(source)
    except SpecError as error:
        return error.diagnostics
    return None


def test_10_000_hostile_texts() -> None:
    found = codes_of(texts(5_000, seed=1))
    assert found["yaml-syntax"] > 1_000
    assert found["unknown-op"] > 50
    found = codes_of(specs(5_000, seed=2))
    assert found["fine"] > 50
    assert len(found) > 15, found


@pytest.mark.slow
def test_200_000_hostile_texts() -> None:
    codes_of(texts(100_000, seed=3))
    codes_of(specs(100_000, seed=4))


def refused(text: str) -> tuple[str, ...]:
    with pytest.raises(SpecError) as caught:
        compile_source(Source("a.yaml", text))
    rendered = render_text(caught.value.diagnostics)
    assert len(rendered.encode()) <= MAX_BYTES
    json.loads(render_json(caught.value.diagnostics))
    return tuple(diagnostic.code for diagnostic in caught.value.diagnostics)


def test_r11_a_hundred_thousand_mistakes_end_with_the_thousandth() -> None:
    text = "netspec: 1\ninputs: {x: [8]}\nlayers:\n" + f"  - {'rellu' * 800}\n" * 100 + "  - rellu\n" * 100_000
    start = time.thread_time()
    assert refused(text) == ("unknown-op",) * 1000
    assert time.thread_time() - start <= 5


@pytest.mark.parametrize(
    "name",
    ["c\u043env", "a\u200bb", "a\u202eb", "\uff46", "../x", "a.b", "/etc/passwd", "", " ", "a b", "x" * 65, "a\n", "é"],
)
@pytest.mark.parametrize("place", ["layers", "inputs"])
def test_r10_odd_names_are_refused(name: str, place: str) -> None:
    layers = [{"name": name, "relu": None}] if place == "layers" else ["relu"]
    inputs = {"x": [8]} if place == "layers" else {name: [8]}
    codes = refused(json.dumps({"netspec": 1, "inputs": inputs, "layers": layers}, ensure_ascii=False))
    assert codes in (("bad-name",), ("yaml-key",))


@pytest.mark.parametrize("name", ["forward", "type", "half", "float", "train", "to", "__init__", "state_dict"])
def test_r10_names_that_modules_need_are_refused(name: str) -> None:
    assert refused(f"{{netspec: 1, inputs: {{x: [8]}}, layers: [{{name: {name}, relu}}]}}") == ("reserved-name",)


def test_json_is_a_spec_too() -> None:
    spec = compile_source(Source("a.json", '{"netspec": 1, "inputs": {"x": [8]}, "layers": ["relu", {"linear": 3}]}'))
    assert spec.graph.outputs[0].type.shape == (3,)


def _seconds(layers: int) -> float:
    source = Source("a.yaml", "netspec: 1\ninputs: {x: [8]}\nlayers:\n" + "  - linear: 8\n  - relu\n" * (layers // 2))
    start = time.thread_time()
    compile_source(source)
    return time.thread_time() - start


def test_10_000_layers_check_in_2_seconds_and_50_000_in_6_times_that() -> None:
    _seconds(100)  # the validators of the two ops
    small, large = min(_seconds(10_000) for _ in range(3)), min(_seconds(50_000) for _ in range(2))
    assert small <= 2.0
    assert large <= 6 * small
