"""A resolved spec compiles to the graph that it was made from."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netspec.compiler import compile_source, load, restated
from netspec.compiler.resolved import spec_text
from netspec.compiler.shipped import shipped
from netspec.compiler.spec import Spec
from netspec.compiler.yaml_text import block, flow
from netspec.diagnostics import NetspecError, Source
from netspec.ir import Graph, Init, Node, Region, Scan, Tie, Value
from netspec.ir.text import text
from netspec.ir.verify import verify
from netspec.lang.document import Document
from netspec.lang.nodes import Mapping, plain
from netspec.lang.reader import read
from netspec.ops.calc import Calc
from netspec.training.losses import LOSSES
from tests.graphs import Chain, deep, dense, flat, image, inception, resnet152
from tests.pages import Fence, all_fences, write_files

GOOD = sorted((Path(__file__).parents[1] / "golden/good").glob("*.yaml"))
SPECS = [*shipped().values(), *GOOD]
EXAMPLES = [each for each in all_fences() if each.language == "yaml" and not each.is_mistake]


def document() -> Document:
    source = Source("net.yaml", "netspec: 1\n")
    root = read(source)
    assert isinstance(root, Mapping)
    return Document(source, root, "net")


def meaning(graph: Graph) -> str:
    """The graph as text, without what a resolved spec may say in another way.

    Blocks and calls of blocks are groups, groups without layers and `identity` are gone, constants of equations are
    numbers, and groups read what is read inside and give what is read outside, in the order of the names.
    """
    known: dict[Value, Value] = {}
    bare = _bare(graph, known, {})
    return text(replace(bare, outputs=tuple(known.get(value, value) for value in graph.outputs)))


def _bare(graph: Graph, known: dict[Value, Value], around: dict[Value, Value]) -> Graph:
    """Every value stands for the one that was made first: borders of groups are crossed by the value itself."""
    known |= around
    nodes = [each for node in graph.nodes for each in _bare_node(node, known)]
    return replace(graph, nodes=tuple(nodes))


def _bare_node(node: Node | Region, known: dict[Value, Value]) -> list[Node | Region]:
    inputs = tuple(known.get(value, value) for value in node.inputs)
    if isinstance(node, Node):
        if node.op.name == "identity":
            known[node.outputs[0]] = inputs[0]
            return []
        op = _with_numbers(node.op) if isinstance(node.op, Calc) else node.op
        # What is frozen is said by the layer that owns the parameters.
        return [replace(node, op=op, inputs=inputs, frozen=node.frozen and node.owner is None)]
    if isinstance(node, Scan):
        return [replace(node, definition=None, arguments={}, body=_bare(node.body, known, {}), inputs=inputs)]
    body = _bare(node.body, known, dict(zip(node.body.inputs, inputs, strict=True)))
    known |= {outer: known.get(inner, inner) for outer, inner in zip(node.outputs, node.body.outputs, strict=True)}
    group = replace(node, definition=None, arguments={}, owner=None, body=body, inputs=(), outputs=())
    return [group] if body.nodes else []


def _with_numbers(op: Calc) -> Calc:
    expression = op.expression
    for name, value in op.constants:
        number = str(value) if value >= 0 else f"({value})"
        expression = re.sub(rf"(?<![\w.]){name}(?![\w.])", number, expression)
    return Calc.model_validate({"expression": expression})


def assert_comes_back(spec: Spec) -> str:
    resolved = spec_text(spec.graph, spec.document)
    again = compile_source(Source("resolved.yaml", resolved))
    assert meaning(again.graph) == meaning(spec.graph)
    verify(again.graph)
    assert {w.code for w in again.warnings} - {"unused-layer"} == {w.code for w in spec.warnings} - {"unused-layer"}
    # Resolving is idempotent.
    said = [line for line in resolved.splitlines() if not line.startswith("#")]
    assert spec_text(again.graph, again.document).splitlines() == said
    return resolved


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.stem)
def test_every_shipped_and_golden_spec_comes_back(path: Path) -> None:
    layers = assert_comes_back(load(path)).split("\nlayers:\n")[1].split("\noutputs:")[0]
    assert not re.search("(?<![<>=!])=(?!=)", layers), "an expression is left"


@pytest.mark.parametrize("fence", EXAMPLES, ids=lambda fence: fence.id)
def test_every_example_of_the_documents_comes_back(
    fence: Fence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_files(fence, tmp_path)
    name = fence.mark if fence.is_file else "net.yaml"
    (tmp_path / name).write_text(fence.text, "utf-8")
    assert_comes_back(load(name))


@pytest.mark.parametrize("build", [resnet152, inception, dense, lambda: deep(20), lambda: flat(50)])
def test_blocks_and_branches_come_back(build: Callable[[], Graph]) -> None:
    graph = build()
    again = compile_source(Source("resolved.yaml", spec_text(graph, document())))
    assert meaning(again.graph) == meaning(graph)


WHOLE = """\
netspec: 1
name: blocks
args: {depth: 3}
dims: {H: {multiple_of: 4}}
inputs: {image: [3, H, 32]}
blocks:
  res:
    args: {width: int, stride: 1, project: =stride != 1 or in_channels != width}
    layers:
      - {name: conv1, conv: {out_channels: =width, kernel_size: 3, stride: =stride, padding: 1, bias: false}}
      - {name: bn1, batch_norm}
      - relu
      - {name: conv2, conv: {out_channels: =width, kernel_size: 3, padding: 1, bias: false}}
      - {name: bn2, batch_norm}
      - name: downsample
        from: input
        when: =project
        sequence:
          - conv: {out_channels: =width, kernel_size: 1, stride: =stride, bias: false}
          - batch_norm
      - {add, from: [bn2, downsample]}
      - relu
layers:
  - {name: stem, conv: {out_channels: 16, kernel_size: 3, padding: 1}}
  - {name: layer1, repeat: =depth, res: {width: 16}}
  - {name: layer2, repeat: {i: =depth}, res: {width: 32, stride: =2 if i == 0 else 1}}
  - name: inc
    parallel:
      a: {conv: {out_channels: 8, kernel_size: 1}}
      b: [{conv: {out_channels: 4, kernel_size: 1}}, {conv: {out_channels: 8, kernel_size: 3, padding: 1}}]
      c: []
    join: concat
  - {name: w, linear: 16}
  - {name: again, call: w}
  - {name: aux, only: train, from: layer1, linear: 4}
  - adaptive_avg_pool: 1
  - flatten
  - {name: fc, linear: 10, freeze: true, init: {weight: {normal: {std: 0.01}}}}
"""


def test_arguments_blocks_repeats_conditions_and_free_sizes_are_resolved() -> None:
    spec = compile_source(Source("whole.yaml", WHOLE))
    resolved = spec_text(spec.graph, spec.document)
    again = compile_source(Source("resolved.yaml", resolved))
    assert meaning(again.graph) == meaning(spec.graph)
    for word in ("repeat", "blocks:", "args", "when", "parallel", " res:", "="):
        assert word not in resolved


def test_a_training_section_stands_as_it_was_written() -> None:
    spec = load("mnist_convnet")
    again = compile_source(Source("resolved.yaml", spec_text(spec.graph, spec.document)))
    assert spec.document.train is not None and again.document.train is not None
    assert plain(again.document.train) == plain(spec.document.train)
    declared = [each.document.inputs["image"] for each in (spec, again)]
    steps = [plain(each.preprocess) for each in declared if each and each.preprocess]
    assert steps[0] == steps[1]


def layers_of(chain: Chain, x: Value, y: Value) -> list[str]:
    lines = spec_text(chain.graph("net", (x,), y), document()).splitlines()
    return [line.strip() for line in lines[lines.index("layers:") + 1 : -1]]


@pytest.mark.parametrize(
    ("node", "words"),
    [
        ({"owner": "a"}, "call: a"),
        ({"frozen": True}, "freeze: true, linear: {out_features: 4}"),
        ({"presence": "pass"}, "only: train, linear: {out_features: 4}"),
        ({"ties": {"weight": Tie("a.weight")}}, "tie: {weight: a.weight}, linear: {out_features: 4}"),
        (
            {"ties": {"weight": Tie("a.weight", transpose=True)}},
            "tie: {weight: {to: a.weight, transpose: true}}, linear: {out_features: 4}",
        ),
        (
            {"init": {"weight": (Init("normal", {"std": 0.01}),), "bias": (Init("zeros"), Init("ones"))}},
            "init: {weight: {normal: {std: 0.01}}, bias: {chunks: [{zeros}, {ones}]}}, linear: {out_features: 4}",
        ),
    ],
)
def test_modifiers_stand_as_the_language_writes_them(node: dict[str, Any], words: str) -> None:
    chain, x = Chain(), image(4, name="x")
    y = chain.op("a", "linear", x, out_features=4)
    assert layers_of(chain, x, chain.op("b", "linear", y, out_features=4, node=node))[1] == f"- {{name: b, {words}}}"


def test_a_called_block_is_a_call_and_not_written_again() -> None:
    def fill(chain: Chain, x: Value) -> Value:
        return chain.op("fc", "linear", x, out_features=4)

    chain, x = Chain(), image(4, name="x")
    y = chain.region("a", fill, x, definition="block")
    y = chain.region("b", fill, y, definition="block", owner="a")
    assert layers_of(chain, x, y)[-1] == "- {name: b, call: a}"


def test_after_a_head_a_layer_says_what_it_reads() -> None:
    chain, x = Chain(), image(4, name="x")
    y = chain.op("a", "linear", x, out_features=4)
    chain.op("aux", "linear", y, out_features=2, node={"presence": "head"})
    assert layers_of(chain, x, chain.op("b", "relu", y))[-1] == "- {name: b, from: a, relu}"


def test_a_hidden_value_is_handed_on_under_another_name() -> None:
    def fill(chain: Chain, x: Value, other: Value) -> Value:
        inner = chain.op("a", "linear", x, out_features=4)
        return chain.op("a_", "add", inner, other)

    chain, x = Chain(), image(4, name="x")
    a = chain.op("a", "linear", x, out_features=4)
    b = chain.op("b", "linear", a, out_features=4)
    assert layers_of(chain, x, chain.region("block", fill, b, a))[2:] == [
        "- {name: a__, from: a, identity}",
        "- name: block",
        "from: b",
        "sequence:",
        "- {name: a, linear: {out_features: 4}}",
        "- {name: a_, from: [a, a__], add}",
    ]


def test_a_hidden_layer_that_is_called_is_said_and_not_misread() -> None:
    def fill(chain: Chain, x: Value) -> Value:
        inner = chain.op("a", "relu", x)
        return chain.op("b", "linear", inner, out_features=4, node={"owner": "a"})

    chain, x = Chain(), image(4, name="x")
    a = chain.op("a", "linear", x, out_features=4)
    y = chain.region("block", fill, a)
    with pytest.raises(NetspecError) as caught:
        layers_of(chain, x, y)
    assert "a layer of `block` is called `a` too" in caught.value.diagnostics[0].message


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Cn", "Co")), max_size=12)
NUMBERS = st.integers(-(2**63) + 1, 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | NUMBERS
    | TEXTS
    | st.sampled_from(["null", "none", "12", "1e3", "true", "~", "- a", "a: b", "=x", "#"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b_c", "0", "null"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def test_values_for_each_element_that_a_chain_cannot_give_are_refused() -> None:
    text = """netspec: 1
inputs: {x: [T, 8]}
blocks:
  two:
    layers: [{name: a, linear: 4}, {name: b, linear: 2}]
    outputs: {a: a, b: b}
layers: [{name: e, each: T, two}, {relu, from: e.a}]
"""
    spec = compile_source(Source("net.yaml", text))
    with pytest.raises(NetspecError, match="`e` gives several values for each element of an axis"):
        spec_text(spec.graph, spec.document)


@given(VALUES)
def test_values_are_read_back_as_they_were(value: Any) -> None:
    for written in (f"key: {flow(value)}", "\n".join(block("key", value))):
        assert plain(read(Source("value.yaml", written))) == {"key": value}


@given(VALUES)
def test_trees_are_written_as_they_were(value: Any) -> None:
    tree = read(Source("value.yaml", f"key: {flow(value)}"))
    assert isinstance(tree, Mapping)
    again = "\n".join(block("key", tree.entries["key"][1]))
    assert plain(read(Source("again.yaml", again))) == {"key": value}


def test_the_words_that_losses_have_for_layers_are_those_of_the_losses() -> None:
    """The compiler stands below training, and so has the words itself."""
    of_a_layer = {name for name, loss in LOSSES.items() if loss.main == "output"}
    assert set(restated._ENDS) == of_a_layer.union({"target"}, *(loss.reads for loss in LOSSES.values()))
