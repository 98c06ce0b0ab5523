"""Scans as loops: against loops written by hand, forward and backward, from given, learned and zero states."""

from __future__ import annotations

import torch
from torch import nn

from netspec.backends.torch import build
from netspec.backends.torch.source import emit
from netspec.compiler import compile_source
from netspec.diagnostics import Source
from netspec.ir import Graph

CELL = """
netspec: 1
inputs: {{x: [T, 3]}}
blocks:
  cell:
    inputs: [x, h]
    layers:
      - {{name: xh, concat, from: [x, h]}}
      - {{name: map, linear: 4}}
      - {{name: new, tanh}}
      - {{name: y, calc: "2 * new"}}
    outputs: {{h: new, y: y}}
layers:
  - {{name: rnn, scan: {{cell: cell, over: T, state: {{h: {state}}}, {more}}}}}
outputs: {{y: rnn, last: rnn.h}}
"""


def graph_of(text: str) -> Graph:
    return compile_source(Source("test.yaml", text)).graph


def by_hand(module: nn.Module, x: torch.Tensor, h: torch.Tensor, *, reverse: bool = False) -> tuple[torch.Tensor, ...]:
    """The recurrence of the spec, with the module's weights."""
    weight, bias = module.rnn.map.weight, module.rnn.map.bias
    found = []
    steps = range(x.shape[1])
    for t in reversed(steps) if reverse else steps:
        h = torch.tanh(torch.cat([x[:, t], h], dim=1) @ weight.T + bias)
        found.append(2 * h)
    return torch.stack(found[::-1] if reverse else found, dim=1), h


def test_a_scan_is_the_recurrence_that_its_cell_says() -> None:
    module = build(graph_of(CELL.format(state=4, more="emit: y")))
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(module(x), by_hand(module, x, torch.zeros(2, 4)))


def test_backward_it_begins_with_the_last_step_and_keeps_the_order() -> None:
    module = build(graph_of(CELL.format(state=4, more="emit: y, reverse: true")))
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(module(x), by_hand(module, x, torch.zeros(2, 4), reverse=True))


def test_a_learned_state_is_a_parameter_of_the_layer_that_gradients_reach() -> None:
    module = build(graph_of(CELL.format(state="{shape: 4, learned: true}", more="emit: y")))
    assert [*module.state_dict()] == ["rnn.h", "rnn.map.weight", "rnn.map.bias"]
    assert torch.equal(module.rnn.h, torch.zeros(4))
    nn.init.normal_(module.rnn.h)
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(module(x), by_hand(module, x, module.rnn.h.expand(2, 4)))
    module(x)[0].sum().backward()
    assert module.rnn.h.grad is not None and module.rnn.h.grad.abs().min() > 0


def test_two_scans_of_one_cell_share_one_class() -> None:
    text = CELL.format(state=4, more="emit: y") + "blocks2:"
    text = text.replace(
        "outputs: {y: rnn, last: rnn.h}\nblocks2:", "  - {name: top, scan: {cell: cell, state: {h: 4}, emit: y}}\n"
    )
    source = emit(graph_of(text))
    assert source.count("class ") == 2, source


def test_the_source_is_what_a_person_would_write() -> None:
    source = emit(graph_of(CELL.format(state=4, more="emit: y")))
    expected = """
    def forward(self, x):
        h = x.new_zeros(x.size(0), 4)
        outputs = []
        for x_t in x.unbind(1):
            h, y = self.step(x_t, h)
            outputs.append(y)
        return torch.stack(outputs, dim=1), h

    def step(self, x, h):
        x = torch.cat([x, h], dim=1)
        x = self.map(x)
        new = self.new(x)
        x = 2 * new
        return new, x
"""
    assert expected in source


def test_two_inputs_of_a_cell_may_read_one_value() -> None:
    text = """
netspec: 1
inputs: {x: [T, 3]}
blocks:
  cell:
    inputs: [x, memory, h]
    layers:
      - {name: best, amax: 1, from: memory}
      - {name: new, calc: "h + x - best"}
    outputs: {h: new}
layers:
  - {scan: {cell: cell, state: {h: 3}, whole: memory}, from: [x, x]}
"""
    x = torch.randn(2, 5, 3)
    torch.testing.assert_close(build(graph_of(text))(x), (x - x.amax(1, keepdim=True)).cumsum(1))


def test_a_scan_may_be_where_another_spec_is_cut_off_and_may_run_on_every_element() -> None:
    text = """
netspec: 1
inputs: {x: [T, 4], y: [T, S, 4]}
blocks:
  cell:
    inputs: [x, h]
    layers:
      - {name: new, calc: "h + x"}
    outputs: {h: new}
layers:
  - {name: a, use: rnn_synced, until: rnn, from: {x: x}}
  - {name: sums, each: T, scan: {cell: cell, state: {h: 4}}, from: y}
outputs: {a: a, sums: sums}
"""
    module = build(graph_of(text))
    assert [*module.state_dict()] == ["a.rnn.W.weight", "a.rnn.W.bias"]
    y = torch.randn(2, 5, 3, 4)
    states, sums = module(torch.randn(2, 5, 4), y)
    assert states.shape == (2, 5, 3)
    torch.testing.assert_close(sums, y.cumsum(2))
