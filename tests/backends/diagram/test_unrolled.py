"""Networks unrolled in time: which cells there are, where they stand, and what goes from one to the next."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

import netspec
from netspec.backends.diagram import unroll
from netspec.backends.diagram.dot import entries, exits
from netspec.backends.diagram.stage import drawing
from netspec.backends.diagram.unrolled import Unrolled, unrolled
from netspec.compiler import compile_source
from netspec.diagnostics import Source

SVG = "{http://www.w3.org/2000/svg}"


def picture(name: str, steps: int) -> Unrolled:
    return unrolled(netspec.load(name).graph, steps)


def test_a_column_a_step_and_states_handed_on_to_the_right() -> None:
    found = picture("lstm_from_gates", 10)
    cells = [cell for cell in found.cells if cell.title == "lstm_cell"]
    assert [cell.column for cell in cells] == list(range(10))
    along = [each for each in found.arrows if each.source.row == each.target.row]
    assert [(each.source.column, each.target.column, each.label) for each in along] == [
        (t, t + 1, "h, c") for t in range(9)
    ]
    assert found.starts == {cells[0]: "0"}
    assert list(found.notes.values()) == ["lstm: one set of 131,584 weights"]


def test_the_first_copy_has_the_weights_and_the_others_are_marked() -> None:
    root = ET.fromstring(unroll(netspec.load("rnn_synced").graph, 4))
    boxes = [each.get("class") or "" for each in root.iter("{http://www.w3.org/2000/svg}g")]
    assert sum("recurrent" in each for each in boxes) == sum("linear" in each for each in boxes) == 4
    assert sum("copy" in each for each in boxes) == 6


def test_a_decoder_begins_where_the_encoder_ends() -> None:
    found = picture("rnn_many_to_many", 4)
    columns = {title: [c.column for c in found.cells if c.title == title] for title in ("rnn_cell", "decoder_cell")}
    assert columns == {"rnn_cell": [0, 1, 2, 3], "decoder_cell": [4, 5, 6]}
    [across] = [a for a in found.arrows if a.source.title == "rnn_cell" and a.target.title == "decoder_cell"]
    assert (across.source.column, across.target.column) == (3, 4)


def test_what_reads_the_last_state_stands_above_the_last_step() -> None:
    found = picture("rnn_many_to_one", 3)
    [output] = [cell for cell in found.cells if cell.title == "linear"]
    assert output.column == 2


@pytest.mark.parametrize(("layer", "pairs"), [("gru: 4", 2), ("gru: {hidden_size: 4, bidirectional: true}", 4)])
def test_both_directions_are_drawn(layer: str, pairs: int) -> None:
    text = f"netspec: 1\ninputs: {{x: [T, 3]}}\nlayers:\n  - {layer}\n"
    found = unrolled(compile_source(Source("net.yaml", text)).graph, 3)
    assert sum(each.source.row == each.target.row for each in found.arrows) == pairs


@pytest.mark.parametrize("reverse", [False, True])
def test_a_scan_hands_its_states_on_the_way_it_walks(reverse: bool) -> None:
    text = f"""
netspec: 1
inputs: {{x: [T, 3]}}
blocks:
  cell:
    inputs: [h, x]
    layers:
      - {{name: new, calc: "tanh(h + x)"}}
    outputs: {{h: new}}
layers:
  - {{name: rnn, scan: {{cell: cell, state: {{h: 3}}, reverse: {str(reverse).lower()}}}}}
"""
    found = unrolled(compile_source(Source("net.yaml", text)).graph, 3)
    along = [(a.source.column, a.target.column) for a in found.arrows if a.source.row == a.target.row]
    assert along == ([(1, 0), (2, 1)] if reverse else [(0, 1), (1, 2)])
    assert [cell.column for cell in found.starts] == [2 if reverse else 0]


def test_no_two_cells_stand_in_one_place() -> None:
    for name in ("rnn_one_to_many", "rnn_many_to_many", "lstm_1997", "mlp_one_hidden"):
        places = [(cell.column, cell.row) for cell in picture(name, 5).cells]
        assert len(set(places)) == len(places)


def test_ports_of_a_scan_are_those_of_what_it_reads_and_gives() -> None:
    """The body's states come first among its outputs, and among its inputs some that nobody outside reads."""
    text = """
netspec: 1
inputs: {x: [T, 3]}
blocks:
  cell:
    inputs: [h, x]
    layers:
      - {name: new, calc: "tanh(h + x)"}
      - {name: y, calc: "2 * new"}
    outputs: {h: new, y: y}
layers:
  - {name: rnn, scan: {cell: cell, state: {h: 3}, emit: y}}
outputs: {y: rnn, last: rnn.h}
"""
    scene = drawing(compile_source(Source("net.yaml", text)).graph, 2).scene
    [box] = [each for each in scene.boxes if each.scene is not None]
    assert [port.name or port.title for port in entries(box)] == ["x", "h"]
    assert box.scene is not None
    sources = [wire.source.name for port in exits(box) for wire in box.scene.wires if wire.target is port]
    assert sources == ["y", "new"]


def test_what_goes_on_stands_beside_the_widest_end() -> None:
    """Its name is wider than those of the lecture: the dots begin right of the round box."""
    root = ET.fromstring(unroll(netspec.load("adding_problem").graph, 3))
    ends = [group.find(f"{SVG}rect") for group in root.iter(f"{SVG}g") if group.get("class") == "end"]
    right = max(float(rect.get("x", 0)) + float(rect.get("width", 0)) for rect in ends if rect is not None)
    dots = [float(each.get("x", 0)) for each in root.iter(f"{SVG}text") if each.text == "…"]
    assert max(dots) > right
    assert all(x > right for x in dots if x > right - 30)


def test_backward_the_label_stands_below_its_wire() -> None:
    text = """
netspec: 1
inputs: {x: [T, 3]}
blocks:
  cell:
    inputs: [x, h]
    layers: [{concat, from: [x, h]}, {linear: 4}, {name: new, tanh}]
    outputs: {h: new}
layers: [{name: rnn, scan: {cell: cell, state: {h: 4}, reverse: true}}]
"""
    root = ET.fromstring(unroll(compile_source(Source("net.yaml", text)).graph, 3))
    wires = [
        each.get("d", "")[1:].replace("L", "").split()
        for each in root.iter(f"{SVG}path")
        if each.get("class") == "wire"
    ]
    level = {float(y) for _, y, _, to_y in (wire for wire in wires if len(wire) == 4) if y == to_y}
    labels = [float(each.get("y", 0)) for each in root.iter(f"{SVG}text") if each.text == "h"]
    # Text of 10 pixels hangs above its base line.
    assert labels and all(abs(y - 4 - wire) > 5 for y in labels for wire in level)
