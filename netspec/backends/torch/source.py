"""Graph -> Python source, as a person would write it.

Every graph becomes a class. A chain of modules, each reading the one before it, is an `nn.Sequential`; anything else
gets a `forward`. Submodules keep the spec's names, so state-dict keys are the spec's paths. All statements are syntax
trees, unparsed; comments hold shapes, that is, integers.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import Any

from netspec.backends.torch.expressions import Builder, Expression, ModuleCall, Operand, Owned
from netspec.backends.torch.naming import class_name, is_attribute, unique, variable_name
from netspec.ir import Graph, Node, Region, Value
from netspec.ops.base import Op

_BUILDER = Builder()

# What a node owns: a module that is applied to its inputs, or anything else with its use.
_Own = ModuleCall | Owned


def emit(graph: Graph) -> str:
    """A Python file that imports only torch and defines the network; its last class is the network's."""
    return _File().text(graph)


def network_class(source: str) -> str:
    """The name of the network's class in an emitted file: its last one."""
    return [node.name for node in ast.parse(source).body if isinstance(node, ast.ClassDef)][-1]


@dataclass(slots=True)
class _File:
    """Classes by their text without the name, so that groups of equal structure share one."""

    classes: dict[str, str] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def text(self, graph: Graph) -> str:
        self.define(graph, graph.name, is_root=True)
        body = "\n\n\n".join(text.replace("class _", f"class {name}", 1) for text, name in self.classes.items())
        imports = [] if not _uses(body, "torch") else ["import torch"]
        imports.append("from torch import nn")
        if _uses(body, "F"):
            imports.append("from torch.nn import functional as F")
        return "\n".join(imports) + f"\n\n\n{body}\n"

    def define(self, graph: Graph, name: str, *, is_root: bool = False) -> str:
        """The class of a graph: an equal one that is there already, or a new one."""
        writer = _Class(self, graph)
        text = writer.sequential() if writer.is_chain() else writer.general()
        # The root is the last class, with a name of its own, even where a group has the same structure.
        if is_root and text in self.classes:
            text += "\n"
        if text not in self.classes:
            self.classes[text] = unique(class_name(name), self.names)
        return self.classes[text]


def _uses(text: str, name: str) -> bool:
    return any(isinstance(node, ast.Name) and node.id == name for node in ast.walk(ast.parse(text)))


class _Class:
    """Writes one graph as a class (named `_` until the file knows whether an equal one exists)."""

    def __init__(self, file: _File, graph: Graph) -> None:
        self._file = file
        self._graph = graph
        self._readers = _reader_counts(graph)
        self._following = dict(zip(graph.nodes, (*graph.nodes[1:], None), strict=True))
        self._owned: list[tuple[str, _Own, str]] = []
        self._variables: dict[Value, str] = {}
        self._taken = {"self", "torch", "nn", "F", "super", "getattr"}
        self._lowered = {node: self._lower(node) for node in graph.nodes}

    def _lower(self, node: Node | Region) -> _Own | None:
        """What a node owns, or None where it is an expression over its inputs, written in `forward`."""
        lowered: Any
        if isinstance(node, Region):
            lowered = ModuleCall(ast.Call(ast.Name(self._file.define(node.body, node.name)), [], []))
        else:
            assert isinstance(node.op, Op)
            lowered = node.op.to_torch(_BUILDER, *(Operand(ast.Name("x"), value.type) for value in node.inputs))
        if not isinstance(lowered, _Own):
            return None
        self._owned.append((node.name, lowered, _shape_comment(node)))
        return lowered

    def is_chain(self) -> bool:
        """Whether the graph is modules only, each reading what stands before it and nothing else."""
        graph = self._graph
        if len(graph.inputs) != 1 or len(graph.outputs) != 1 or not graph.nodes:
            return False
        previous: Value = graph.inputs[0]
        for node in graph.nodes:
            if not isinstance(self._lowered[node], ModuleCall) or node.inputs != (previous,) or len(node.outputs) != 1:
                return False
            previous = node.outputs[0]
        return graph.outputs[0] is previous

    def sequential(self) -> str:
        lines = ["class _(nn.Sequential):", "    def __init__(self):"]
        if [name for name, _, _ in self._owned] == [str(i) for i in range(len(self._owned))]:
            lines.append("        super().__init__(")
            lines += [f"            {ast.unparse(_initial(owned).tree)},{comment}" for _, owned, comment in self._owned]
            return "\n".join([*lines, "        )"])
        return "\n".join([*lines, "        super().__init__()", *self._assignments()])

    def general(self) -> str:
        lines = ["class _(nn.Module):"]
        if self._owned:
            lines += ["    def __init__(self):", "        super().__init__()", *self._assignments(), ""]
        self._name_inputs()
        signature = ", ".join(["self", *(self._variables[value] for value in self._graph.inputs)])
        lines.append(f"    def forward({signature}):")
        for node in self._graph.nodes:
            if any(self._readers[value] for value in node.outputs):
                lines.append(f"        {self._statement(node)}")
        returned = ", ".join(self._variables[value] for value in self._graph.outputs)
        return "\n".join([*lines, f"        return {returned}"])

    def _assignments(self) -> list[str]:
        return [f"        {ast.unparse(_registration(name, owned))}{comment}" for name, owned, comment in self._owned]

    def _name_inputs(self) -> None:
        for value in self._graph.inputs:
            self._variables[value] = unique(variable_name(value.name.rpartition(".")[2]), self._taken)

    def _statement(self, node: Node | Region) -> str:
        operands = [Operand(ast.Name(self._variables[value]), value.type) for value in node.inputs]
        if isinstance(self._lowered[node], ModuleCall):
            tree = _own(node.name)(*operands).tree
        else:
            assert isinstance(node, Node)
            assert isinstance(node.op, Op)
            lowered = node.op.to_torch(_BUILDER, *operands)
            tree = (lowered.use(_own(node.name)) if isinstance(lowered, Owned) else lowered).tree
        targets = ", ".join(self._target(node, value) for value in node.outputs)
        return f"{targets} = {ast.unparse(tree)}"

    def _target(self, node: Node | Region, value: Value) -> str:
        """`x` for a value that only the next statement reads; otherwise a name of its own."""
        if len(node.outputs) == 1 and self._is_passed_on(node, value):
            self._variables[value] = "x"
            self._taken.add("x")
        else:
            name = node.name if len(node.outputs) == 1 else value.name.rpartition(".")[2]
            self._variables[value] = unique(variable_name(name), self._taken)
        return self._variables[value]

    def _is_passed_on(self, node: Node | Region, value: Value) -> bool:
        if any(self._variables.get(each) == "x" for each in self._graph.inputs):
            return False  # an input of the network is called x
        following = self._following[node]
        wanted = self._readers[value]
        reads = following.inputs.count(value) if following is not None else self._graph.outputs.count(value)
        return wanted == reads == 1


def _registration(name: str, owned: _Own) -> ast.AST:
    """`self.conv1 = nn.Conv2d(...)`, or a call where that cannot be written."""
    own, value = Expression(ast.Name("self")), _initial(owned)
    if isinstance(owned, Owned) and owned.kind == "buffer":
        return own.register_buffer(name, value, **({} if owned.persistent else {"persistent": False})).tree
    if is_attribute(name):
        return ast.Assign([ast.Attribute(own.tree, name)], value.tree, lineno=1)
    is_parameter = isinstance(owned, Owned) and owned.kind == "parameter"
    return (own.register_parameter if is_parameter else own.add_module)(name, value).tree


def _initial(owned: _Own) -> Expression:
    return owned.initial if isinstance(owned, Owned) else owned


def _own(name: str) -> Expression:
    """`self.conv1`, or `getattr(self, '0')`."""
    own = Expression(ast.Name("self"))
    return (
        Expression(ast.Attribute(own.tree, name)) if is_attribute(name) else Expression(ast.Name("getattr"))(own, name)
    )


def _reader_counts(graph: Graph) -> dict[Value, int]:
    counts = {value: 0 for value in graph.inputs}
    counts.update((value, 0) for node in graph.nodes for value in node.outputs)
    for node in graph.nodes:
        for value in node.inputs:
            counts[value] += 1
    for value in graph.outputs:
        counts[value] += 1
    return counts


def _shape_comment(node: Node | Region) -> str:
    """The output's shape as papers write it."""
    if not node.outputs or not node.outputs[0].type.shape:
        return ""
    return f"  # {' x '.join(str(size) for size in node.outputs[0].type.shape)}"
