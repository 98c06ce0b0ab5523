"""Graph -> Python source, as a person would write it.

Every region becomes a class, one for all that differ in numbers only; see `classes` and `unify`. All statements are
syntax trees, unparsed; comments hold shapes, that is, integers and symbols.
"""

from __future__ import annotations

import ast
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from netspec.backends.torch.classes import ClassTree, write_class, write_scan
from netspec.backends.torch.dissect import NOTHING, Dissection, dissect
from netspec.backends.torch.initial import finish
from netspec.backends.torch.layout import WIDTH, Comments, lines
from netspec.backends.torch.naming import class_name, unique
from netspec.backends.torch.program import Program, plain_form
from netspec.backends.torch.unify import Parameter, arguments_of, unify
from netspec.compiler.passes.masks import masked
from netspec.ir import Graph, Region, Scan
from netspec.lang.names import RESERVED

_STEP = "    "


def emit(graph: Graph) -> str:
    """A Python file that imports only torch and defines the network; its last class is the network's."""
    graph = masked(graph)
    program = Program.of(graph)
    file = _File(program)
    file.define_regions()
    tree = write_class(program, graph, "")
    finish(tree, program)
    file.definitions.append(_Definition(graph.name, tree, ast.Name("_")))
    return file.text()


def network_class(source: str) -> str:
    """The name of the network's class in an emitted file: its last one. Only classes begin a line with that word."""
    return source.rpartition("\nclass ")[2].partition("(")[0]


@dataclass(slots=True)
class _Definition:
    """A class. `reference` stands wherever it is constructed, so that it gets its name when all are known."""

    stem: str
    tree: ClassTree
    reference: ast.Name
    parameters: list[Parameter] = field(default_factory=list)
    num_instances: int = 1
    submodules: tuple[str, ...] = ()


@dataclass(slots=True)
class _Instance:
    region: Region
    tree: ClassTree
    found: Dissection


@dataclass(slots=True)
class _File:
    program: Program
    definitions: list[_Definition] = field(default_factory=list)
    _positional: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _written: dict[Hashable, tuple[ClassTree, Dissection]] = field(default_factory=dict)

    def define_regions(self) -> None:
        """A class for every region that needs one, those that others construct first."""
        levels: dict[int, list[Region]] = {}
        self._height(self.program.graph, levels)
        for height in sorted(levels):
            alike: dict[tuple[object, ...], list[_Instance]] = {}
            for region in levels[height]:
                tree, found = self._taken_apart(region)
                key = (region.definition, *found.tokens)
                alike.setdefault(key, []).append(_Instance(region, tree, found))
            for instances in alike.values():
                self._define(instances)

    def _taken_apart(self, region: Region) -> tuple[ClassTree, Dissection]:
        """The class of a region; of regions with equal bodies it is written once."""
        key = plain_form(region.body, self.program.training)
        if key is not None and key in self._written:
            return self._written[key]
        tree = self._tree(region)
        made = tree, dissect(tree, self.program.defaults, self.program.comments)
        if key is not None and not isinstance(region, Scan):
            self._written[key] = made
        return made

    def _tree(self, region: Region) -> ClassTree:
        if isinstance(region, Scan):
            return write_scan(self.program, region)
        return write_class(self.program, region.body, region.path)

    def _height(self, graph: Graph, levels: dict[int, list[Region]]) -> int:
        height = 0
        for region in self.program.members(graph):
            inner = self._height(region.body, levels)
            levels.setdefault(inner, []).append(region)
            height = max(height, inner + 1)
        return height

    def _define(self, instances: Sequence[_Instance]) -> None:
        first = instances[0]
        reference = ast.Name(f"_{len(self.definitions)}")
        submodules = tuple(node.name for node in first.region.body.nodes)
        parameters: list[Parameter] = []
        if len(instances) > 1:
            dissections, arguments = [each.found for each in instances], [each.region.arguments for each in instances]
            attributes = {*submodules, *RESERVED}
            parameters = unify(first.tree, dissections, arguments, self.program.comments, self._positional, attributes)
        definition = first.region.definition
        stem = f"{definition}_scan" if isinstance(first.region, Scan) else definition or _stem(first.region.path)
        self.definitions.append(_Definition(stem, first.tree, reference, parameters, len(instances), submodules))
        self._positional[reference.id] = tuple(each.name for each in parameters if not each.is_keyword)
        defaults = {each.name: each.default for each in parameters if each.default is not NOTHING}
        for index, instance in enumerate(instances):
            call = ast.Call(reference, *arguments_of(parameters, index))
            self.program.constructs[instance.region] = call
            self.program.defaults[call] = defaults

    def text(self) -> str:
        """The file."""
        self._name_classes()
        body = "\n\n\n".join("\n".join(_class(each, self.program.comments)) for each in self.definitions)
        used = _names(self.definitions)
        imports = ["import torch"] if "torch" in used else []
        imports.append("from torch import nn")
        if "F" in used:
            imports.append("from torch.nn import functional as F")
        return "\n".join(imports) + f"\n\n\n{body}\n"

    def _name_classes(self) -> None:
        """The form that is used most has the block's name; the others say what is different, or are numbered."""
        *regions, root = self.definitions
        forms: dict[str, list[_Definition]] = {}
        for each in regions:
            forms.setdefault(class_name(each.stem), []).append(each)
        taken: set[str] = {class_name(root.stem)}
        root.reference.id = class_name(root.stem)
        for name, same in forms.items():
            plain, *others = sorted(same, key=lambda each: -each.num_instances)
            plain.reference.id = unique(name, taken, "")
            for other in others:
                other.reference.id = unique(f"{plain.reference.id}{_difference(other, plain)}", taken, "")


def _difference(other: _Definition, plain: _Definition) -> str:
    more = [name for name in other.submodules if name not in plain.submodules]
    less = [name for name in plain.submodules if name not in other.submodules]
    for word, names in (("With", more), ("Without", less)):
        if len(names) == 1 and names[0][:1].isalpha():
            return word + class_name(names[0])
    return ""


def _stem(path: str) -> str:
    """A group's class is named by the last part of its path, or by the group whose copy it is: `layer1.0`."""
    parts = path.split(".")
    named = next((i for i in reversed(range(len(parts))) if not parts[i].isdecimal()), 0)
    return parts[named] if named == len(parts) - 1 else f"{parts[named]}_part"


def _class(definition: _Definition, comments: Comments) -> list[str]:
    tree = definition.tree
    found = [f"class {definition.reference.id}({tree.base}):"]
    methods = [("forward", ["self", *tree.inputs], tree.forward)] if tree.forward else []
    if len(tree.constructor) > 1 or _constructs(tree.constructor[0]):
        signature = [_declared(each) for each in definition.parameters]
        methods.insert(0, ("__init__", ["self", *signature], tree.constructor))
    methods += [(name, ["self", *rest], body) for name, rest, body in tree.methods]
    for index, (name, arguments, body) in enumerate(methods):
        found += ([""] if index else []) + _signature(name, arguments) + lines(body, 2 * _STEP, comments)
    return found


def _constructs(statement: ast.stmt) -> bool:
    """Whether the call of nn.Sequential's constructor holds layers."""
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call) and bool(statement.value.args)


def _declared(parameter: Parameter) -> str:
    return parameter.name if parameter.default is NOTHING else f"{parameter.name}={parameter.default!r}"


def _signature(name: str, arguments: list[str]) -> list[str]:
    text = f"{_STEP}def {name}({', '.join(arguments)}):"
    if len(text) <= WIDTH:
        return [text]
    return [f"{_STEP}def {name}(", *(f"{2 * _STEP}{each}," for each in arguments), f"{_STEP}):"]


def _names(definitions: Sequence[_Definition]) -> set[str]:
    """The variables that the file reads."""
    statements = [each for definition in definitions for each in definition.tree.statements()]
    return {node.id for node in ast.walk(ast.Module(statements, [])) if isinstance(node, ast.Name)}
