"""The numbers of docs/recurrent.md, computed anew: by copies of the weights, and by the network itself."""

from __future__ import annotations

import re

import torch

from netspec.api import load
from netspec.backends.diagram import unroll
from netspec.backends.torch import build
from netspec.compiler import compile_source
from netspec.diagnostics import Source
from tests.pages import DOCS, fences

PAGE = DOCS / "recurrent.md"
ROWS = re.findall(r"^\| (\d|sum) \| ([-0-9.]*) ?\| ([-0-9.]+) \| ([-0-9.]+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
INPUTS = (1.0, -1.0, 0.5)
TARGET = 0.5


def rounded(value: torch.Tensor) -> str:
    return f"{float(value.detach()) + 0.0:.6f}"


def test_each_copy_has_the_gradient_of_the_table_and_the_sum_is_that_of_the_shared_weight() -> None:
    copies = [torch.tensor([0.5, 0.8], dtype=torch.float64, requires_grad=True) for _ in INPUTS]
    h, states = torch.zeros((), dtype=torch.float64), []
    for weights, x in zip(copies, INPUTS, strict=True):
        h = torch.tanh(weights[0] * x + weights[1] * h)
        states.append(h)
    ((h - TARGET) ** 2 / 2).backward()
    rows = [
        (str(step), rounded(state), rounded(copy.grad[0]), rounded(copy.grad[1]))
        for step, (state, copy) in enumerate(zip(states, copies, strict=True), start=1)
        if copy.grad is not None
    ]
    assert ROWS[:3] == rows
    total = sum(copy.grad for copy in copies if copy.grad is not None)
    assert isinstance(total, torch.Tensor)
    assert ROWS[3] == ("sum", "", rounded(total[0]), rounded(total[1]))


def test_the_network_has_these_gradients() -> None:
    [text] = [fence.text for fence in fences(PAGE) if fence.mark == "three_steps.yaml"]
    module = build(compile_source(Source("three_steps.yaml", text)).graph).double()
    out = module(torch.tensor(INPUTS, dtype=torch.float64).reshape(1, 3, 1))
    ((out - TARGET) ** 2 / 2).sum().backward()
    found = [rounded(module.get_parameter(f"rnn.{name}.weight").grad) for name in ("w_x", "w_h")]
    assert found == list(ROWS[3][2:])


def test_the_picture_is_what_the_command_draws() -> None:
    drawn = DOCS / "pictures" / "unrolled_rnn.svg"
    spec = load("vanilla_rnn")
    assert drawn.read_text("utf-8") == unroll(spec.graph, 5, subtitle=spec.document.doc)
