"""Regions whose bodies say the same are written once, and no others are taken for them."""

from __future__ import annotations

import pytest

from netspec.backends.torch import emit, source
from netspec.backends.torch.program import plain_form
from netspec.compiler import compile_source, load
from netspec.diagnostics import Source
from netspec.ir import Graph

SPEC = """netspec: 1
inputs: {{x: [4, 8, 8], y: [4, 8, 8]}}
blocks:
  one: {{args: {{size: 1}}, layers: [{one}]}}
  other: {{args: {{size: 1}}, layers: [{other}]}}
layers:
  - {{name: first, from: {read}, one}}
  - {{name: second, from: y, other}}
  - {{add, from: [first, second]}}
"""
CONV = "{name: c, conv: {out_channels: 4, kernel_size: 1}}, relu"


def bodies(one: str, other: str, read: str = "x") -> list[Graph]:
    graph = compile_source(Source("net.yaml", SPEC.format(one=one, other=other, read=read))).graph
    return [region.body for region in graph.regions()]


def test_equal_bodies_have_equal_forms_wherever_they_stand() -> None:
    first, second = bodies(CONV, CONV)
    assert plain_form(first, set()) == plain_form(second, set()) is not None


@pytest.mark.parametrize(
    "other",
    [
        "{name: d, conv: {out_channels: 4, kernel_size: 1}}, relu",
        "{name: c, conv: {out_channels: 4, kernel_size: 1, bias: false}}, relu",
        "{name: c, conv: {out_channels: 4, kernel_size: 3, padding: 1}}, relu",
        "{name: c, conv: {out_channels: 4, kernel_size: 1}}, sigmoid",
        "{name: c, conv: {out_channels: 4, kernel_size: 1}}",
        "{name: c, conv: {out_channels: 4, kernel_size: 1}}, {name: '1', from: input, relu}",
    ],
)
def test_other_bodies_have_other_forms(other: str) -> None:
    first, second = bodies(CONV, other)
    assert plain_form(first, set()) != plain_form(second, set())


def test_numbers_that_are_equal_and_print_differently_are_others() -> None:
    first, second = bodies("{calc: input * 1}", "{calc: input * 1.0}")
    assert plain_form(first, set()) != plain_form(second, set())


def test_bodies_that_hold_more_than_layers_have_no_form() -> None:
    assert plain_form(bodies("{sequence: [relu, relu], name: s}", "relu")[0], set()) is None
    first, _ = bodies(CONV, CONV)
    assert plain_form(first, {first.nodes[0].outputs[0]}) is None
    again = "{name: a, linear: 8}, {name: b, call: a}"
    assert plain_form(bodies(again, "relu")[0], set()) is None


def test_a_deep_network_is_written_once_for_each_form(monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    right = source.write_class
    monkeypatch.setattr(source, "write_class", lambda *args: written.append(args[2]) or right(*args))
    emit(load("resnet152").graph)
    # The network, four layers, and of each of these the first block with its projection and one of all others.
    assert len(written) == 1 + 4 + 4 * (1 + 1 + 1) and "layer3.35" not in written
