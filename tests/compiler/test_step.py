"""The step of a network, run once a position, gives what the whole network gives; in both backends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

import netspec
from netspec.backends.onnx import lower
from netspec.backends.onnx.parity import session
from netspec.backends.torch import build
from netspec.compiler import compile_source
from netspec.compiler.step import LooksAhead, OneStep, one_step
from netspec.diagnostics import Source
from netspec.ir import Graph
from netspec.ir.verify import verify

TOLD = """
netspec: 1
inputs: {image: [5], words: [T, 3]}
blocks:
  cell:
    inputs: [x, h, c]
    layers:
      - {name: xh, concat, from: [x, h]}
      - {name: gates, linear: 16}
      - {name: g, chunk: 4}
      - {name: new_c, calc: "sigmoid(g.1) * c + sigmoid(g.0) * tanh(g.2)"}
      - {name: new_h, calc: "sigmoid(g.3) * tanh(new_c)"}
    outputs: {h: new_h, c: new_c}
  tower:
    layers:
      - {name: up, linear: 6}
      - {name: low, gru: {hidden_size: 4, num_layers: 2}}
      - relu
layers:
  - {name: seen, linear: 3, from: image}
  - {name: start, call: tell.step, from: {x: seen}}
  - {name: W_e, linear: 3, from: words}
  - name: tell
    from: {x: W_e, h: start.h}
    scan: {cell: cell, over: T, state: {h: 4, c: {shape: 4, learned: true}}, emit: h}
  - {name: deep, tower}
  - {name: top, lstm: 3, from: deep}
  - {name: logits, linear: 7}
"""
SHIPPED = ["vanilla_rnn", "lstm", "lstm_from_gates", "lstm_peephole", "gru", "rnn_synced"]


def whole(name: str) -> Graph:
    return compile_source(Source("tell.yaml", TOLD)).graph if name == "told" else netspec.load(name).graph


Run = Callable[[dict[str, torch.Tensor]], list[torch.Tensor]]


def iterated(
    step: OneStep, run: Run, fed: dict[str, torch.Tensor], starts: dict[str, torch.Tensor], cut: str
) -> torch.Tensor:
    """The first output of a run once a position, put together."""
    states, found = dict(starts), []
    count = len(step.graph.outputs) - len(step.states)
    names = [value.name for value in step.graph.inputs]
    for t in range(fed[cut].shape[1]):
        given = {**fed, cut: fed[cut][:, t : t + 1], **states}
        outputs = run({name: given[name] for name in names})
        found.append(outputs[0])
        states = {state.input.name: value for state, value in zip(step.states, outputs[count:], strict=True)}
    return torch.cat(found, dim=1)


@pytest.mark.parametrize("name", ["told", *SHIPPED])
def test_the_step_iterated_is_the_whole(name: str) -> None:
    torch.manual_seed(0)
    graph = whole(name)
    step = one_step(graph, "T")
    verify(step.graph)
    module = build(graph).eval()
    parts = build(step.graph, initialize=False).eval()
    weights = {key: value for key, value in module.state_dict().items() if key in parts.state_dict()}
    parts.load_state_dict(weights)
    cut = graph.inputs[-1].name
    fed = {
        value.name: torch.randn(2, *(6 if not isinstance(s, int) else s for s in value.type.shape))
        for value in graph.inputs
    }
    starts = {state.input.name: torch.zeros(2, *map(int, state.input.type.shape)) for state in step.states}
    with torch.no_grad():
        if name == "told":
            began = one_of(graph, "start.h", module, fed)
            starts = {key: began if "tell.h" in key else value for key, value in starts.items()}
            assert [state.start and state.start.name for state in step.states if "tell" in state.input.name] == [
                "start",
                None,
            ]
            assert [state.learned for state in step.states if "tell.c" in state.input.name] == ["tell.c"]
            assert "image" not in {value.name for value in step.graph.inputs}
        expected = module(*fed.values())
        found = iterated(step, lambda given: as_list(parts(*given.values())), fed, starts, cut)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6)
    run = session(lower(step.graph, {key: value.numpy() for key, value in weights.items()}).SerializeToString())

    def in_onnx(given: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        outputs = run.run(list(step.graph.output_names), {key: value.numpy() for key, value in given.items()})
        return [torch.from_numpy(np.array(each)) for each in outputs]

    found = iterated(step, in_onnx, fed, starts, cut)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def as_list(outputs: torch.Tensor | tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
    return list(outputs) if isinstance(outputs, tuple) else [outputs]


def one_of(graph: Graph, name: str, module: torch.nn.Module, fed: dict[str, torch.Tensor]) -> torch.Tensor:
    """The state that the image gives, from the module's own step."""
    tell = module.tell
    seen = module.seen(fed["image"])
    h, _ = tell.step(seen, torch.zeros(2, 4), tell.c.expand(2, -1))
    return h


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ("[{lstm: {hidden_size: 4, bidirectional: true}}]", "`0` runs backward along `T`"),
        ("[{lstm: 4}, {mean: T}]", "`1` reads more than one position along `T`"),
        ("[{transpose: {dim0: 1, dim1: 2}}, {conv: {out_channels: 3, kernel_size: 3, padding: 1}}]", "`1` reads more"),
        ("[{name: t, arange: T, from: x}, {gru: 3, from: x}]", None),
        ("[{flip: T}, {lstm: 4}]", "`0` reads more than one position along `T`"),
    ],
)
def test_what_looks_ahead_has_no_step(layers: str, message: str | None) -> None:
    graph = compile_source(Source("net.yaml", f"netspec: 1\ninputs: {{x: [T, 3]}}\nlayers: {layers}")).graph
    with pytest.raises(LooksAhead, match=message and message.replace("[", r"\[")):
        one_step(graph, "T")
