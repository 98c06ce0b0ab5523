"""Documents to graphs: names, ports, scopes, shapes, and mistakes reported once each, at their place."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.compiler import Spec, compile_source, load
from netspec.diagnostics import Diagnostic, Source, SpecError
from netspec.ir.verify import verify


def compiled(layers: str, inputs: str = "{x: [3, 8, 8]}", rest: str = "") -> Spec:
    text = f"netspec: 1\ninputs: {inputs}\nlayers:\n{layers}\n{rest}"
    spec = compile_source(Source("net.yaml", text))
    verify(spec.graph)
    return spec


def mistakes(layers: str, inputs: str = "{x: [3, 8, 8]}", rest: str = "") -> list[Diagnostic]:
    with pytest.raises(SpecError) as caught:
        compiled(layers, inputs, rest)
    return list(caught.value.diagnostics)


def shape_of(spec: Spec) -> tuple[int, ...]:
    return spec.graph.outputs[0].type.shape


def test_a_chain_reads_what_stands_before() -> None:
    spec = compiled("  - conv: {out_channels: 4, kernel_size: 3}\n  - relu\n  - flatten\n  - linear: 2")
    assert [node.path for node in spec.graph.walk()] == ["0", "1", "2", "3"]
    assert shape_of(spec) == (2,)
    assert spec.graph.output_names == ("3",)


def test_a_scalar_is_the_main_attribute_and_an_expression_sees_the_input() -> None:
    spec = compiled("  - {conv: {out_channels: =in_channels * 2, kernel_size: 3, groups: =in_channels}}\n  - flatten")
    assert shape_of(spec) == (6 * 6 * 6,)
    assert shape_of(compiled("  - linear: =in_features // 2")) == (3, 8, 4)


def test_named_layers_take_positions_too() -> None:
    spec = compiled("  - {name: first, relu}\n  - relu\n  - {add, from: [first, 1]}")
    assert [node.path for node in spec.graph.walk()] == ["first", "1", "2"]


def test_sequences_are_regions_and_their_inside_is_read_by_dotted_path() -> None:
    layers = "  - {name: s, sequence: [relu, {name: t, sequence: [sigmoid, tanh]}]}\n  - {add, from: [s.t.0, s, x]}"
    spec = compiled(layers)
    assert [node.path for node in spec.graph.walk()] == ["s.0", "s.t.0", "s.t.1", "1"]
    assert [region.path for region in spec.graph.regions()] == ["s", "s.t"]
    add = list(spec.graph.walk())[-1]
    assert [value.name for value in add.inputs] == ["s.t.0", "s.t.1", "x"]


def test_inside_a_sequence_the_names_around_it_and_input_are_in_scope() -> None:
    layers = "  - {name: a, relu}\n  - {name: s, sequence: [tanh, {add, from: [0, input, a, x]}]}"
    spec = compiled(layers)
    (region,) = spec.graph.regions()
    assert {value.name for value in region.inputs} == {"a", "x"}


def test_ports_by_name_and_by_order_are_the_same() -> None:
    by_name = compiled("  - {name: a, relu}\n  - {sub, from: {other: x, input: a}}")
    by_order = compiled("  - {name: a, relu}\n  - {sub, from: [a, x]}")
    names = [[value.name for value in list(spec.graph.walk())[-1].inputs] for spec in (by_name, by_order)]
    assert names == [["a", "x"], ["a", "x"]]


def test_several_inputs_and_named_outputs() -> None:
    spec = compiled(
        "  - {name: a, linear: 4, from: x}\n  - {name: b, linear: 4, from: y}\n  - {name: c, add, from: [a, b]}",
        inputs="{x: [3], y: [5]}",
        rest="outputs: {sum: c, left: a}",
    )
    assert spec.graph.output_names == ("sum", "left")
    assert [value.name for value in spec.graph.outputs] == ["c", "a"]


@pytest.mark.parametrize(
    ("layers", "code", "place"),
    [
        ("  - convv: 3", "unknown-op", (4, 5)),
        ("  - linear: {out_featurs: 3}", "unknown-key", (4, 14)),
        ("  - linear", "missing-key", (4, 5)),
        ("  - linear: ten", "wrong-type", (4, 13)),
        ("  - linear: 0", "wrong-value", (4, 13)),
        ("  - linear: true", "wrong-type", (4, 13)),
        ("  - relu: 3", "wrong-type", (4, 11)),
        ("  - linear: =in_chanels", "bad-expression", (4, 14)),
        ("  - {relu, from: y}", "unknown-name", (4, 18)),
        ("  - {relu, from: 1}\n  - tanh", "forward-reference", (4, 18)),
        ("  - {name: a, relu}\n  - {name: a, tanh}", "duplicate-name", (5, 12)),
        ("  - {name: 1, relu}\n  - tanh", "duplicate-name", (5, 5)),
        ("  - {name: x, relu}", "duplicate-name", (4, 12)),
        ("  - {name: train, relu}", "reserved-name", (4, 12)),
        ("  - {name: a.b, relu}", "bad-name", (4, 12)),
        ("  - {sub, from: [x]}", "wrong-inputs", (4, 11)),
        ("  - {sub, from: {input: x, othr: x}}", "wrong-inputs", (4, 11)),
        ("  - conv: {out_channels: 4, kernel_size: 9}", "bad-attribute", (4, 42)),
        ("  - {name: a, flatten}\n  - {add, from: [a, x]}", "shape-mismatch", (5, 6)),
        ("  - {relu, tanh}", "bad-layer", (4, 12)),
        ("  - {each: T, relu}", "wrong-inputs", (4, 12)),
        ("  - {repeat: -3, relu}", "wrong-value", (4, 14)),
        ("  - scan: {}", "missing-key", (4, 5)),
        ("  - linear: 9_999_999_999", "wrong-value", (4, 13)),
        ("  - flatten\n  - linear: 2_000_000_000", "too-large", (5, 5)),
    ],
)
def test_each_mistake_has_its_code_and_place(layers: str, code: str, place: tuple[int, int]) -> None:
    (found,) = mistakes(layers)
    assert found.span is not None
    assert (found.code, (found.span.line, found.span.column)) == (code, place)


def test_a_failed_layer_silences_those_that_depend_on_it_and_no_others() -> None:
    layers = "\n".join(
        [
            "  - {name: a, convv: 3}",
            "  - relu",
            "  - linear: =in_features",
            "  - {add, from: [a, x]}",
            "  - {linear: 0, from: x}",
        ]
    )
    assert [(d.code, d.span.line if d.span else 0) for d in mistakes(layers)] == [("unknown-op", 4), ("wrong-value", 8)]


def test_a_clash_names_both_shapes_and_where_they_come_from() -> None:
    (found,) = mistakes("  - {name: a, linear: 5}\n  - {add, from: [a, x]}")
    assert "[3, 8, 5] and [3, 8, 8]" in found.message
    assert [label.span.line for label in found.labels if label.span] == [4, 2]


def test_a_mistake_in_a_sequence_names_the_chain_of_groups() -> None:
    layers = "  - name: outer\n    sequence:\n      - name: inner\n        sequence:\n          - unflatten: 3"
    (found,) = [d for d in mistakes(layers.replace("unflatten: 3", "conv: {out_channels: 4, kernel_size: 9}"))]
    assert found.notes == ("in the sequence `outer` at line 5", "in the sequence `outer.inner` at line 7")


def test_a_layer_nobody_reads_is_a_warning() -> None:
    spec = compiled("  - {name: a, relu}\n  - {name: lost, tanh, from: a}\n  - {sigmoid, from: a}")
    assert [(d.code, d.span.line if d.span else 0) for d in spec.warnings] == [("unused-layer", 5)]


def test_expectations_are_checked_each_at_its_line() -> None:
    rest = "expect:\n  params: 7\n  macs: 40\n  shapes: {0: [5], 1: [2]}\n  params_of: {0: 45}\n  layers: 1"
    found = mistakes("  - linear: 5", inputs="{x: [8]}", rest=rest)
    assert [(d.code, d.span.line if d.span else 0) for d in found] == [("expect", 6), ("unknown-name", 8)]
    assert found[0].message == "`params` is 45, expected 7"


@given(st.lists(st.sampled_from(["relu", "tanh", "linear: 4", "sequence: [relu, linear: 3]"]), min_size=1, max_size=12))
def test_paths_are_positions_and_every_graph_verifies(chain: list[str]) -> None:
    spec = compiled("\n".join(f"  - {layer}" for layer in chain), inputs="{x: [5]}")
    expected = []
    for position, layer in enumerate(chain):
        expected += [f"{position}.0", f"{position}.1"] if layer.startswith("sequence") else [str(position)]
    assert [node.path for node in spec.graph.walk()] == expected


@pytest.mark.parametrize(("below", "fits"), [(", below: 30", True), (", below: 29", False), ("", False)])
def test_a_used_spec_gets_the_indices_that_it_declares(tmp_path: Path, below: str, fits: bool) -> None:
    """The rows of its embedding follow from its own declaration."""
    inner = "netspec: 1\nname: inner\ninputs: {ids: {shape: [T], dtype: int64, below: 30}}\nlayers: [embedding: 4]\n"
    (tmp_path / "inner.yaml").write_text(inner)
    outer = tmp_path / "outer.yaml"
    outer.write_text(f"netspec: 1\ninputs: {{ids: {{shape: [T], dtype: int64{below}}}}}\nlayers: [use: inner.yaml]\n")
    if fits:
        assert load(outer).graph.outputs[0].type.shape[-1] == 4
        return
    with pytest.raises(SpecError) as caught:
        load(outer)
    message = caught.value.diagnostics[0].message
    assert message.startswith("the input `ids` of the spec `inner` is [T] int64 below 30, got [T] int64")


def test_a_position_that_every_layer_of_a_chain_has_a_name_for_is_read_from_the_chain_around() -> None:
    text = (
        "netspec: 1\ninputs: {x: [4]}\nlayers:\n  - linear: 4\n  - relu\n"
        "  - {name: g, sequence: [{name: a, linear: 4}, {name: b, add, from: [a, 0]}]}\n"
    )
    graph = compile_source(Source("net.yaml", text)).graph
    (group,) = graph.regions()
    assert [value.name for value in group.inputs] == ["1", "0"]
