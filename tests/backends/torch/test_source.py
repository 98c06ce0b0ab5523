"""Emitted source: what a person would write, runnable on its own, and never more than its allowed nodes."""

from __future__ import annotations

import ast
import random

import pytest
import torch
from torch import nn

from netspec.backends.torch import build, emit
from netspec.compiler import compile_source, load
from netspec.compiler.passes import rewrite
from netspec.compiler.shipped import shipped
from netspec.diagnostics import Source
from netspec.ir import Graph, Node, TensorType, Value
from netspec.ops.activation import Relu
from netspec.ops.combine import Add
from netspec.ops.linear import Linear

ALLOWED_NODES = (
    ast.Module, ast.Import, ast.ImportFrom, ast.alias, ast.ClassDef, ast.FunctionDef, ast.arguments, ast.arg,
    ast.Assign, ast.Return, ast.Expr, ast.Call, ast.Attribute, ast.Name, ast.Constant, ast.keyword, ast.Tuple, ast.List,
    ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.UnaryOp, ast.USub, ast.Load, ast.Store,
    ast.Subscript, ast.Slice, ast.IfExp, ast.Pow, ast.MatMult, ast.Compare, ast.cmpop,
)  # fmt: skip
ALLOWED_IMPORTS = {"import torch", "from torch import nn", "from torch.nn import functional as F"}
HOSTILE = [
    "'", '"', '"""', "'''", "\\", "\n", "\r\n", "\\n", "\t", "\x00", "#", "# noqa", "{", "}", "%s", "{0}",
    "__import__('os')",
    "); import os #", "\"\"\"\nimport os\n\"\"\"", "\u202e", "\u2028", "é", "a" * 300, "class", "self", "torch",
    "nn", "super",
    "0", "-", "a-b", "a.b", "", " ", "x\ny", "\ud7ff", "lambda: 0", "__class__", "getattr",
]  # fmt: skip

DAG = """netspec: 1
name: two_paths
inputs: {image: [3, 8, 8]}
layers:
  - {name: left, sequence: [{name: conv, conv: {out_channels: 4, kernel_size: 3, padding: 1}}, relu]}
  - {name: right, conv: {out_channels: 4, kernel_size: 1}, from: image}
  - {name: sum, add, from: [left, right]}
  - {name: both, concat, from: [sum, left.conv]}
  - flatten
  - {name: fc-1, linear: 5}
outputs: {logits: fc-1, features: sum}
"""


def run(source: str) -> type[nn.Module]:
    """The network's class, the way a user runs a printed file."""
    namespace: dict[str, object] = {}
    exec(compile(source, "printed.py", "exec"), namespace)
    found = [value for value in namespace.values() if isinstance(value, type) and issubclass(value, nn.Module)]
    return found[-1]


def assert_harmless(source: str) -> None:
    tree = ast.parse(source)
    for node in ast.walk(tree):
        assert isinstance(node, ALLOWED_NODES), ast.dump(node)
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert ast.unparse(node) in ALLOWED_IMPORTS
        if isinstance(node, ast.Call):
            root = node.func
            while isinstance(root, ast.Attribute | ast.Call | ast.Subscript):
                root = root.func if isinstance(root, ast.Call) else root.value
            assert isinstance(root, ast.Name | ast.BinOp | ast.UnaryOp | ast.Compare)  # or a method of a result
        if isinstance(node, ast.ClassDef):
            assert node.decorator_list == []


@pytest.mark.parametrize("name", shipped())
@pytest.mark.parametrize("form", [lambda graph: graph, rewrite], ids=["plain", "rewritten"])
def test_the_printed_file_computes_what_the_built_module_computes(name: str, form: object) -> None:
    graph = form(load(name).graph)  # type: ignore[operator]
    source = emit(graph)
    assert_harmless(source)
    built, printed = build(graph), run(source)()
    printed.load_state_dict(built.state_dict())
    inputs = [torch.randn(3, *value.type.shape) for value in graph.inputs]
    assert torch.equal(built(*inputs), printed(*inputs))


def test_equal_seeds_draw_equal_parameters() -> None:
    graph = load("mnist_convnet").graph
    torch.manual_seed(3)
    built = build(graph)
    torch.manual_seed(3)
    printed = run(emit(graph))()
    for (key, a), (other, b) in zip(built.state_dict().items(), printed.state_dict().items(), strict=True):
        assert key == other
        assert torch.equal(a, b)


def test_a_chain_is_a_sequential_as_people_write_it() -> None:
    text = "netspec: 1\nname: tiny\ninputs: {x: [3]}\nlayers: [{linear: 4}, relu, {linear: 2}]"
    assert emit(compile_source(Source("t", text)).graph) == (
        "from torch import nn\n\n\n"
        "class Tiny(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(\n"
        "            nn.Linear(3, 4),  # 4\n"
        "            nn.ReLU(),  # 4\n"
        "            nn.Linear(4, 2),  # 2\n"
        "        )\n"
    )


def test_a_graph_has_a_forward_and_keys_are_the_paths_of_the_file() -> None:
    graph = compile_source(Source("dag.yaml", DAG)).graph
    module = build(graph)
    keys = [key for key in module.state_dict() if key.endswith("weight")]
    assert keys == ["left.conv.weight", "right.weight", "fc-1.weight"]
    x = torch.randn(2, 3, 8, 8)
    logits, features = module(x)
    conv = module.get_submodule("left.conv")(x)
    wanted = torch.relu(conv) + module.right(x)  # type: ignore[operator]
    assert torch.equal(features, wanted)
    assert torch.equal(logits, module.get_submodule("fc-1")(torch.cat([wanted, conv], 1).flatten(1)))


def test_groups_of_equal_structure_share_a_class() -> None:
    block = "sequence: [{linear: 4}, relu]"
    text = f"netspec: 1\ninputs: {{x: [4]}}\nlayers:\n  - {{name: a, {block}}}\n  - {{name: b, {block}}}\n"
    source = emit(compile_source(Source("t.yaml", text)).graph)
    assert source.count("class ") == 2


def test_skipped_initialisation_draws_nothing_and_loads_the_same() -> None:
    graph = load("mnist_convnet").graph
    before = torch.random.get_rng_state()
    module = build(graph, initialize=False)
    assert torch.equal(before, torch.random.get_rng_state())
    module.load_state_dict(build(graph).state_dict())


def test_the_module_is_traceable_by_torch_fx() -> None:
    graph = compile_source(Source("dag.yaml", DAG)).graph
    module = build(graph).eval()
    traced = torch.fx.symbolic_trace(module)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(traced(x)[0], module(x)[0])


def hostile_graph(words: random.Random) -> Graph:
    """A graph whose every text is hostile; the language would refuse most, the backend must hold by itself."""

    def word() -> str:
        return "".join(words.choice(HOSTILE) for _ in range(words.randint(1, 3)))

    x = Value(word(), TensorType((4,)))
    op = Linear(out_features=4)
    a, b, c = (Value(word(), TensorType((4,))) for _ in range(3))
    names = [f"{word()}{i}".replace(".", "_") for i in range(3)]
    nodes = (Node(names[0], op, (x,), (a,)), Node(names[1], Relu(), (a,), (b,)), Node(names[2], Add(), (a, b), (c,)))
    return Graph(word(), (x,), nodes[: words.randint(1, 3)], (words.choice([a]),), (word(),))


def test_ten_thousand_hostile_graphs_emit_only_allowed_nodes() -> None:
    words = random.Random(0)
    for _ in range(10_000):
        assert_harmless(emit(hostile_graph(words)))
