"""Wrapped statements are short, and the same program."""

from __future__ import annotations

import ast
import random

import pytest

from netspec.backends.torch.layout import WIDTH, lines

NAMES = ["x", "self.encoder", "nn.Sequential", "a_rather_long_name_of_a_variable", "conv1", "torch.cat"]


def expression(draw: random.Random, depth: int) -> str:
    """An expression of the kinds that are emitted."""
    if depth == 0:
        return draw.choice([*NAMES, "3", "-1", "0.5", "(3, 4)", "'text'", '"it\'s"', "'\\n'", "None"])
    inner = [expression(draw, depth - draw.randint(1, depth)) for _ in range(draw.randint(1, 6))]
    kind = draw.randrange(6)
    if kind == 0:
        return f"[{', '.join(inner)}]"
    if kind == 1:
        return f"({', '.join(inner)},)"
    if kind == 2:
        return "(" + draw.choice([" + ", " - ", " * ", " / "]).join(inner) + ")"
    if kind == 3:
        return f"{draw.choice(NAMES)}({', '.join(inner)}, stride={inner[0]})"
    if kind == 4:
        return f"{draw.choice(NAMES)}(*({inner[0]} for _ in range(35)), {inner[-1]})"
    return f"({inner[0]} if self.training else {inner[-1]})"


@pytest.mark.parametrize("seed", range(300))
def test_wrapping_changes_nothing(seed: int) -> None:
    draw = random.Random(seed)
    text = draw.choice(["a = {}", "a, b = {}", "return {}", "{}", "if self.training:\n    a = {}\nelse:\n    a = 1"])
    module = ast.parse("def f():\n    " + text.format(expression(draw, 5)).replace("\n", "\n    "))
    function = module.body[0]
    assert isinstance(function, ast.FunctionDef)
    written = lines(function.body, "    ", {})
    assert ast.dump(ast.parse("def f():\n" + "\n".join(written))) == ast.dump(module)


def test_a_call_is_opened_as_ruff_format_does() -> None:
    layers = [f"nn.Linear({i}, {i + 1}, bias=False)" for i in range(10, 16)]
    tree = ast.parse(f"self.features = nn.Sequential({', '.join(layers)})")
    assert lines(tree.body, "    ", {}) == [
        "    self.features = nn.Sequential(",
        *(f"        {layer}," for layer in layers),
        "    )",
    ]
    tree = ast.parse(f"self.features = nn.Sequential({', '.join(layers[:2])}, nn.ReLU(inplace=True), bias=100)")
    written = lines(tree.body, "        ", {})
    assert written[1] == f"            {', '.join(layers[:2])}, nn.ReLU(inplace=True), bias=100" and len(written) == 3


def test_a_comment_opens_a_line_that_it_would_make_too_long() -> None:
    tree = ast.parse(
        "self.features = nn.Sequential(nn.Linear(1000, 1000), nn.Linear(1000, 1000), nn.Linear(1000, 10_000))"
    )
    statement = tree.body[0]
    assert len(lines([statement], "    ", {statement: "8"})) == 1
    written = lines([statement], "    ", {statement: "1000 x 1000 x 1000"})
    assert len(written) == 3 and written[-1] == "    )  # 1000 x 1000 x 1000"
    assert max(map(len, written)) <= WIDTH


def test_a_sum_of_many_terms_is_one_term_a_line() -> None:
    terms = [f"some_long_name_{i}" for i in range(20)]
    written = lines(ast.parse(f"x = {' + '.join(terms)}").body, "", {})
    assert written == ["x = (", f"    {terms[0]}", *(f"    + {term}" for term in terms[1:]), ")"]
