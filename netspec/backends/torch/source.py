"""Graph -> Python source, as a person would write it.

Every graph becomes a class. A chain of modules, each reading the one before it, is an `nn.Sequential`; anything else
gets a `forward`. Submodules keep the spec's names, so state-dict keys are the spec's paths. All statements are syntax
trees, unparsed; comments hold shapes, that is, integers.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from netspec.backends.torch.expressions import Builder, Expression, ModuleCall, Operand
from netspec.backends.torch.naming import class_name, is_attribute, unique, variable_name
from netspec.ir import Graph, Node, Region, Value
from netspec.ops.base import Op

_BUILDER = Builder()


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
        self._modules: list[tuple[str, ast.expr, str]] = []
        self._variables: dict[Value, str] = {}
        self._taken = {"self", "torch", "nn", "F", "super", "getattr"}
        self._expressions = {node: self._lower(node) for node in graph.nodes}

    def _lower(self, node: Node | Region) -> Expression | None:
        """The module of a node, or None where it is an expression over its inputs, written in `forward`."""
        if isinstance(node, Region):
            module = ModuleCall(ast.Call(ast.Name(self._file.define(node.body, node.name)), [], []))
        else:
            assert isinstance(node.op, Op)
            operands = [Operand(ast.Name("x"), value.type) for value in node.inputs]
            lowered = node.op.to_torch(_BUILDER, *operands)
            if not isinstance(lowered, ModuleCall):
                return None
            module = lowered
        self._modules.append((node.name, module.tree, _shape_comment(node)))
        return module

    def is_chain(self) -> bool:
        """Whether the graph is modules only, each reading what stands before it and nothing else."""
        graph = self._graph
        if len(graph.inputs) != 1 or len(graph.outputs) != 1 or not graph.nodes:
            return False
        previous: Value = graph.inputs[0]
        for node in graph.nodes:
            if self._expressions[node] is None or node.inputs != (previous,) or len(node.outputs) != 1:
                return False
            previous = node.outputs[0]
        return graph.outputs[0] is previous

    def sequential(self) -> str:
        lines = ["class _(nn.Sequential):", "    def __init__(self):"]
        if [name for name, _, _ in self._modules] == [str(i) for i in range(len(self._modules))]:
            lines.append("        super().__init__(")
            lines += [f"            {ast.unparse(tree)},{comment}" for _, tree, comment in self._modules]
            return "\n".join([*lines, "        )"])
        return "\n".join([*lines, "        super().__init__()", *self._assignments()])

    def general(self) -> str:
        lines = ["class _(nn.Module):"]
        if self._modules:
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
        lines = []
        for name, tree, comment in self._modules:
            if is_attribute(name):
                target = ast.Attribute(ast.Name("self"), name)
                lines.append(f"        {ast.unparse(target)} = {ast.unparse(tree)}{comment}")
            else:
                call = Expression(ast.Name("self")).add_module(name, Expression(tree))
                lines.append(f"        {ast.unparse(call.tree)}{comment}")
        return lines

    def _name_inputs(self) -> None:
        for value in self._graph.inputs:
            self._variables[value] = unique(variable_name(value.name.rpartition(".")[2]), self._taken)

    def _statement(self, node: Node | Region) -> str:
        operands = [Operand(ast.Name(self._variables[value]), value.type) for value in node.inputs]
        if self._expressions[node] is not None:
            submodule = Expression(ast.Name("self"))
            if is_attribute(node.name):
                called = Expression(ast.Attribute(submodule.tree, node.name))
            else:
                called = Expression(ast.Name("getattr"))(submodule, node.name)
            tree = called(*operands).tree
        else:
            assert isinstance(node, Node)
            assert isinstance(node.op, Op)
            tree = node.op.to_torch(_BUILDER, *operands).tree
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
