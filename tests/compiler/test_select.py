from __future__ import annotations

from dataclasses import replace

import pytest

from netspec.compiler import compile_source
from netspec.compiler.select import Selector, parameters, selected, selector, selectors
from netspec.diagnostics import Report, Source
from netspec.ir import Graph, Tie
from netspec.lang.nodes import Mapping
from netspec.lang.nodes import Node as Syntax
from netspec.lang.reader import read

NET = """\
netspec: 1
inputs: {x: [3, 8, 8]}
layers:
- name: encoder
  sequence:
  - {name: enc1, conv: {out_channels: 4, kernel_size: 3}}
  - {name: enc10, conv: {out_channels: 4, kernel_size: 3}}
  - {name: norm, batch_norm: {}}
- flatten
- {name: fc, linear: 2}
"""


def graph() -> Graph:
    return compile_source(Source("net.yaml", NET)).graph


def parsed(text: str) -> Syntax:
    root = read(Source("sel.yaml", f"sel: {text}"))
    assert isinstance(root, Mapping)
    node = root.get("sel")
    assert node is not None
    return node


def one(text: str) -> Selector:
    report = Report()
    found = selector(parsed(text), report)
    assert found is not None, report.diagnostics
    return found


def keys(text: str) -> set[str]:
    report = Report()
    found = selected(selectors(parsed(text), report), graph(), report)
    assert not report.diagnostics
    return set(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("encoder.enc1", {"encoder.enc1.weight", "encoder.enc1.bias"}),
        ('"encoder.enc*.bias"', {"encoder.enc1.bias", "encoder.enc10.bias"}),
        ('"*.enc1"', {"encoder.enc1.weight", "encoder.enc1.bias"}),
        ("fc.bias", {"fc.bias"}),
        ("{parameter: bias}", {"encoder.enc1.bias", "encoder.enc10.bias", "encoder.norm.bias", "fc.bias"}),
        ("{parameter: running_mean}", {"encoder.norm.running_mean"}),
        ("[{op: linear}, fc]", {"fc.weight", "fc.bias"}),
        (
            "{op: batch_norm}",
            {f"encoder.norm.{each}" for each in "weight bias running_mean running_var num_batches_tracked".split()},
        ),
    ],
)
def test_a_selector_selects(text: str, expected: set[str]) -> None:
    assert keys(text) == expected


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("null", "wrong-type"),
        ("true", "wrong-type"),
        ("[[fc]]", "wrong-type"),
        ("{layer: fc}", "unknown-key"),
        ("{}", "wrong-value"),
        ("{op: linear, parameter: bias}", "wrong-value"),
        ("{op: [linear]}", "wrong-type"),
        ("{op: 1}", "wrong-type"),
        ("a..b", "wrong-value"),
        ('""', "wrong-value"),
    ],
)
def test_what_is_no_selector_is_reported_at_its_place(text: str, code: str) -> None:
    report = Report()
    assert selectors(parsed(text), report) == ()
    (found,) = report.diagnostics
    assert found.code == code and found.span is not None and found.span.source.name == "sel.yaml"


def test_names_that_look_like_numbers_are_paths_as_written() -> None:
    assert one("3.10").matches("3.10.conv", "conv", "weight")
    assert one("0").matches("0", "conv", "weight") and not one("0").matches("00", "conv", "weight")


def test_weight_and_bias_mean_all_of_that_kind() -> None:
    bias = one("{parameter: bias}")
    assert all(bias.matches("rnn", "lstm", name) for name in ("bias", "bias_ih_l0", "in_proj_bias", "out_proj.bias"))
    assert not bias.matches("rnn", "lstm", "weight_ih_l0")
    assert one('{parameter: "*_l0"}').matches("rnn", "lstm", "bias_ih_l0")


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("encoder.enc2", "encoder.enc1"),
        ("{op: linea}", "linear"),
        ("{parameter: wieght}", "weight"),
        ("encodr", "encoder"),
    ],
)
def test_a_selector_that_selects_nothing_is_an_error_with_the_nearest_name(text: str, help: str) -> None:
    report = Report()
    selected(selectors(parsed(text), report), graph(), report)
    (found,) = report.diagnostics
    assert found.code == "unknown-name" and f"`{help}`" in (found.help or "")
    assert found.span is not None and found.span.text in text


def test_a_layer_without_parameters_is_nothing_to_select() -> None:
    report = Report()
    assert not selected((one('"1"'),), graph(), report)
    assert [each.code for each in report] == ["unknown-name"]


def test_what_is_shared_answers_to_each_of_its_names() -> None:
    *_, fc = graph().walk()
    called = replace(fc, path="again", owner="fc")
    tied = replace(fc, path="head", ties={"weight": Tie("embed.weight")})
    net = Graph("net", (), (fc, called, tied), ())
    assert [each.key for each in parameters(net)] == ["fc.weight", "fc.bias"] * 2 + ["embed.weight", "head.bias"]
    report = Report()
    assert selected((one("again"),), net, report) == {"fc.weight", "fc.bias"}
    assert selected((one("fc"),), net, report) == {"fc.weight", "fc.bias"}
    assert selected((one("head"),), net, report) == {"embed.weight", "head.bias"}
    assert not report.diagnostics
