"""One graph -> one class, as syntax trees with every number in place.

A chain of modules is an `nn.Sequential`; anything else gets a `forward`. Submodules keep the spec's names, so that
state-dict keys are the spec's paths.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from netspec.backends.torch.chains import chain, compressed
from netspec.backends.torch.expressions import Expression, ModuleCall, Operand, Owned
from netspec.backends.torch.fused import FusedCall, registered_zeros
from netspec.backends.torch.hoist import hoisted
from netspec.backends.torch.loops import Loop
from netspec.backends.torch.naming import TAKEN, unique, variable_name
from netspec.backends.torch.placing import given_up, held, reach, registered, tensor
from netspec.backends.torch.program import Kind, Program, lower, relative, shape_comment
from netspec.backends.torch.tied import WithTied
from netspec.backends.torch.unpack import flat_names, outputs_of, pattern
from netspec.compiler.passes.deployed import runs_in_training_only
from netspec.compiler.passes.part import needed
from netspec.ir import Graph, Input, Node, Region, Scan, Value

_SELF = ast.Name("self")
_TRAINING = ast.Attribute(_SELF, "training")


@dataclass(slots=True)
class ClassTree:
    """A class without its name: the statements of its constructor and of `forward`, and other methods."""

    base: str
    constructor: list[ast.stmt] = field(default_factory=list)
    #: The parameters of `forward`, as they stand there.
    inputs: list[str] = field(default_factory=list)
    #: Empty for a Sequential, which has one.
    forward: list[ast.stmt] = field(default_factory=list)
    #: Name, arguments after `self`, body.
    methods: list[tuple[str, list[str], list[ast.stmt]]] = field(default_factory=list)

    def statements(self) -> list[ast.stmt]:
        """All of them."""
        return [*self.constructor, *self.forward, *(each for _, _, body in self.methods for each in body)]


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """A statement of `forward`: a node, with its place below the class; an inlined region's nodes are steps too."""

    node: Node | Region
    place: tuple[str, ...]
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    in_training_only: bool
    # The end of an inlined region that the evaluated network passes by: its value, or its input.
    is_join: bool = False


def write_scan(program: Program, scan: Scan) -> ClassTree:
    """The class of a scan: `step` is its body, `forward` the loop."""
    return _Writer(program, scan.body, scan.path, is_step=True).loop(scan)


def write_class(program: Program, graph: Graph, path: str) -> ClassTree:
    """The class of a graph; the classes that it constructs are known.

    Args:
        program: What all classes share. Shape comments are added to it.
        graph: The network, or the body of a region.
        path: The region's path, empty for the network.
    """
    writer = _Writer(program, graph, path)
    if program.is_chain(graph):
        return writer.sequential()
    return writer.general()


class _Writer:
    def __init__(self, program: Program, graph: Graph, path: str, *, is_step: bool = False) -> None:
        self._program = program
        self._graph = graph
        self._path = path
        self._stands_for: dict[Value, Value] = {}
        self._steps = list(self._flat(graph, (), in_training_only=False))
        self._is_step = is_step
        # What is both a state of a scan and emitted is given once.
        outputs = tuple(dict.fromkeys(graph.outputs)) if is_step else graph.outputs
        self._outputs = tuple(map(self._resolved, outputs))
        # All is constructed; only what the outputs need is run.
        self._run = needed(self._steps, self._outputs)
        self._readers = Counter(value for step in self._run for value in step.inputs) + Counter(self._outputs)
        self._following = dict(pairwise([*self._run, None]))
        self._variables: dict[Value, str] = {}
        self._taken = set(TAKEN)

    def sequential(self) -> ClassTree:
        tree = ClassTree("nn.Sequential")
        if self._program.is_positional_chain(self._graph):
            children = compressed([self._commented(*each) for each in self._constructed()], self._program.comments)
            tree.constructor.append(ast.Expr(_super_init(*children)))
        else:
            tree.constructor += [ast.Expr(_super_init()), *self._registrations()]
        tree.constructor += self._ties()
        return tree

    def loop(self, scan: Scan) -> ClassTree:
        step = self.general()
        taken = set(TAKEN)
        names = [unique(variable_name(inside.name), taken) for inside, _ in scan.entries()]
        read = frozenset(scan.outputs[index] for index in self._program.read_outputs(scan))
        loop = Loop(scan, names, Expression(_SELF), taken, may_overwrite=True, read=read)
        call = FusedCall(loop, scan.fused) if scan.fused is not None else None
        statements, results = loop.statements() if call is None else call.statements()
        results = [results[index] for index in self._program.read_outputs(scan)]
        if call is not None and call.needs_zeros:
            step.constructor.append(registered_zeros(call.needs_zeros))
        for node in scan.learned():
            own = self._program.owned[node]
            if node.owner is None and isinstance(own, Owned):
                step.constructor.append(registered((node.name,), own.initial.tree, own))
        step.methods.append(("step", step.inputs, step.forward))
        step.inputs, step.forward = names, [*statements, ast.Return(_tuple(results))]
        return step

    def general(self) -> ClassTree:
        inputs = self._name_inputs()
        body: list[ast.stmt] = []
        for step in self._run:
            self._add(body, step)
        constructor = [ast.Expr(_super_init()), *self._registrations(), *self._ties()]
        return ClassTree("nn.Module", constructor, inputs, [*body, *self._returns()])

    def _name_inputs(self) -> list[str]:
        """The network's inputs keep their names; a region's only one has the same wherever the region stands."""
        for value in self._graph.inputs:
            name = value.name.rpartition(".")[2]
            if self._path and len(self._graph.inputs) == 1 and not self._is_step:
                name = "x" if self._is_free(value) else "input"
            self._variables[value] = unique(variable_name(name), self._taken)
        return [self._parameter(value) for value in self._graph.inputs]

    def _parameter(self, value: Value) -> str:
        """The input in `forward`'s signature; one of training only may be left out."""
        absent = "=None" if isinstance(value, Input) and value.only_train else ""
        return self._variables[value] + absent

    def _is_free(self, value: Value) -> bool:
        """Whether only the first statement reads an input, so that its variable may be used again."""
        return self._readers[value] == 1 and bool(self._run) and value in self._run[0].inputs

    # Which statements there are

    def _flat(self, graph: Graph, place: tuple[str, ...], *, in_training_only: bool) -> Iterator[_Step]:
        for node in graph.nodes:
            inputs = tuple(map(self._resolved, node.inputs))
            only = in_training_only or runs_in_training_only(node, self._program.training)
            below = (*place, node.name)
            if isinstance(node, Region) and self._program.kinds[node] is Kind.INLINE:
                yield from self._inlined(node, below, inputs, in_training_only=only)
            else:
                yield _Step(node, below, inputs, node.outputs, only)

    def _inlined(
        self, region: Region, place: tuple[str, ...], inputs: tuple[Value, ...], *, in_training_only: bool
    ) -> Iterator[_Step]:
        self._stands_for.update(zip(region.body.inputs, inputs, strict=True))
        passed_by = region.presence == "pass" and not in_training_only
        yield from self._flat(region.body, place, in_training_only=in_training_only or passed_by)
        inner = tuple(map(self._resolved, region.body.outputs))
        if passed_by:
            yield _Step(region, place, (inner[0], inputs[0]), region.outputs, False, is_join=True)
        else:
            self._stands_for.update(zip(region.outputs, inner, strict=True))

    def _resolved(self, value: Value) -> Value:
        return self._stands_for.get(value, value)

    # The constructor

    def _constructed(self) -> Iterator[tuple[_Step, ast.expr]]:
        """What is made in the constructor, with the step that it is made for."""
        for step in self._steps:
            node = step.node
            if node.owner is not None or step.is_join:
                continue
            if isinstance(node, Region):
                yield step, self._region(node)
            elif (own := self._program.owned[node]) is not None:
                yield step, (own.initial if isinstance(own, Owned) else own).tree

    def _region(self, region: Region) -> ast.expr:
        if self._program.kinds[region] is Kind.CLASS:
            return self._program.constructs[region]
        return chain(self._program, region.body)

    def _commented(self, step: _Step, tree: ast.expr) -> ast.expr:
        self._program.comments[tree] = shape_comment(step.node)
        return tree

    def _registrations(self) -> Iterator[ast.stmt]:
        containers: set[tuple[str, ...]] = set()
        for step, tree in self._constructed():
            for depth in range(1, len(step.place)):
                outer = step.place[:depth]
                if outer not in containers:
                    containers.add(outer)
                    yield registered(outer, Expression(ast.Name("nn")).Module().tree)
            own = self._program.owned.get(step.node) if isinstance(step.node, Node) else None
            statement = registered(step.place, tree, own if isinstance(own, Owned) else None)
            self._program.comments[statement] = shape_comment(step.node)
            yield statement
            yield from held(own, step.place)
            yield from given_up(step.node, step.place)

    def _ties(self) -> Iterator[ast.stmt]:
        for path, key in self._program.ties.get(self._path, ()):
            target, source = (tensor(relative(each, self._path)) for each in (path, key))
            yield ast.Assign([target], source, lineno=1)

    # forward

    def _add(self, body: list[ast.stmt], step: _Step) -> None:
        """Add the statement of a step; consecutive ones of training only share an `if`."""
        if step.in_training_only:
            if not (body and isinstance(body[-1], ast.If) and not body[-1].orelse):
                body.append(ast.If(_TRAINING, [], []))
            assert isinstance(body[-1], ast.If)
            body[-1].body += self._plain(step)
            return
        always = tuple(value for value in step.outputs if value not in self._program.training)
        if always != step.outputs:
            self._add_halves(body, step, always)
            return
        if step.node.presence == "pass" and not step.is_join:
            value, before = hoisted(self._value(step), self._taken)
            value = ast.IfExp(_TRAINING, value, ast.Name(self._variables[step.inputs[0]]))
            body += [*before, self._assigned(step, value, step.outputs)]
        else:
            body += self._plain(step)

    def _plain(self, step: _Step) -> list[ast.stmt]:
        """The statements of a step where it runs."""
        if isinstance(step.node, Scan) and self._program.kinds[step.node] is Kind.LOOP:
            return self._looped(step, step.node)
        own = self._program.owned.get(step.node) if isinstance(step.node, Node) else None
        if isinstance(own, Owned) and own.outputs is not None:
            return self._unpacked(step)
        value, before = hoisted(self._value(step), self._taken)
        return [*before, self._assigned(step, value, step.outputs)]

    def _unpacked(self, step: _Step) -> list[ast.stmt]:
        """`output, (h_n, c_n) = self.lstm(x)`, then what is read of the node's outputs; `_` is read by nobody."""
        call, node = self._value(step), step.node
        assert isinstance(node, Node)
        own = lower(node, [Operand(self._operand(step, value), value.type) for value in step.inputs])
        parts = flat_names(own.parts)
        trees = dict(zip(step.outputs, outputs_of(own, {part: part for part in parts}), strict=True))
        read = [value for value in step.outputs if self._readers[value]]
        plain = {tree.id: value for value in read if isinstance(tree := trees[value], ast.Name)}
        used = {each.id for value in read for each in ast.walk(trees[value]) if isinstance(each, ast.Name)}
        names = {part: self._target(step, value, alone=len(read) == 1) for part, value in plain.items()}
        names |= {part: unique(part, self._taken) for part in parts if part in used and part not in plain}
        statements: list[ast.stmt] = [ast.Assign([pattern(own.parts, names)], call, lineno=1)]
        for value, tree in zip(step.outputs, outputs_of(own, names), strict=True):
            if value in read and value not in plain.values():
                target = ast.Name(self._target(step, value, alone=len(read) == 1))
                statements.append(ast.Assign([target], tree, lineno=1))
        return statements

    def _looped(self, step: _Step, scan: Scan) -> list[ast.stmt]:
        """A scan again, or one step of it: a loop here that calls the `step` of the module."""
        assert scan.owner is not None
        names = [self._variables[read] for read in step.inputs]
        module = Expression(reach(relative(scan.owner, self._path)))
        read = frozenset(value for value in scan.outputs if self._readers[value])
        statements, results = Loop(scan, names, module, self._taken, may_overwrite=False, read=read).statements()
        if scan.is_single:
            return [*statements, self._one_step(step, scan, results[0])]
        for value, result in zip(step.outputs, results, strict=True):
            if isinstance(result, ast.Name):
                self._variables[value] = result.id
            elif self._readers[value]:
                statements.append(ast.Assign([ast.Name(self._target(step, value))], result, lineno=1))
        return statements

    def _one_step(self, step: _Step, scan: Scan, call: ast.expr) -> ast.stmt:
        """The values of one step; one that has two names is given once, and is read under one name."""
        given: dict[Value, list[Value]] = {}
        for outside, inside in zip(step.outputs, scan.body.outputs, strict=True):
            given.setdefault(inside, []).append(outside)
        for first, *others in given.values():
            self._readers[first] += sum(self._readers[each] for each in others)
        statement = self._assigned(step, call, tuple(first for first, *_ in given.values()))
        for first, *others in given.values():
            self._variables.update((each, self._variables[first]) for each in others if self._readers[each])
        return statement

    def _add_halves(self, body: list[ast.stmt], step: _Step, always: tuple[Value, ...]) -> None:
        """A region with heads inside gives more values in training than in evaluation."""
        first, second = self._value(step), self._value(step)
        training = self._assigned(step, first, step.outputs)
        evaluation = ast.Assign([_tuple([ast.Name(self._variables[value]) for value in always])], second, lineno=1)
        # A comment on nothing would be lost; a second `if` must not be merged with the first one's body.
        body.append(ast.If(_TRAINING, [training], [evaluation]))

    def _value(self, step: _Step) -> ast.expr:
        operands = [Operand(self._operand(step, value), value.type) for value in step.inputs]
        node = step.node
        if step.is_join:
            return ast.IfExp(_TRAINING, operands[0].tree, operands[1].tree)
        place = step.place if node.owner is None else relative(node.owner, self._path)
        if isinstance(node, Region):
            return Expression(reach(place))(*operands).tree
        if isinstance(self._program.owned[node], ModuleCall):
            return self._own(node, place)(*operands).tree
        lowered = lower(node, operands)
        if isinstance(lowered, Owned):
            is_module = lowered.kind == "module"
            result = lowered.use(self._own(node, place) if is_module else Expression(tensor(place)))
        else:
            result = lowered
        return _tuple([each.tree for each in result]) if isinstance(result, tuple) else result.tree

    def _operand(self, step: _Step, value: Value) -> ast.expr:
        name = ast.Name(self._variables[value])
        if step.in_training_only or value not in self._program.training or step.node.presence == "pass":
            return name
        return ast.IfExp(_TRAINING, name, ast.Constant(None))

    def _own(self, node: Node, place: tuple[str, ...]) -> Expression:
        transposed = {name: tie.key for name, tie in node.ties.items() if tie.transpose}
        if not transposed:
            return Expression(reach(place))
        weights = {name: Expression(tensor(relative(key, self._path))).T for name, key in transposed.items()}
        return WithTied(reach(place), weights)

    def _assigned(self, step: _Step, value: ast.expr, outputs: tuple[Value, ...]) -> ast.stmt:
        is_scan = isinstance(step.node, Scan)
        if isinstance(step.node, Scan) and not step.node.is_single:
            outputs = tuple(outputs[index] for index in self._program.read_outputs(step.node))
        read = [each for each in outputs if self._readers[each]]
        names = [
            "_" if is_scan and each not in read else self._target(step, each, alone=is_scan and len(read) == 1)
            for each in outputs
        ]
        targets = [ast.Name(name) for name in names]
        return ast.Assign([_tuple(targets)], value, lineno=1)

    def _target(self, step: _Step, value: Value, *, alone: bool = False) -> str:
        """`x` for a value that only the next statement reads; otherwise a name of its own.

        `alone`: of several outputs it is the only one that is read.
        """
        if (alone or len(step.outputs) == 1) and self._is_passed_on(step, value):
            self._variables[value] = "x"
            self._taken.add("x")
        else:
            name = step.node.name if len(step.outputs) == 1 else value.name.rpartition(".")[2]
            self._variables[value] = unique(variable_name(name), self._taken)
        return self._variables[value]

    def _is_passed_on(self, step: _Step, value: Value) -> bool:
        if any(self._variables.get(each) == "x" and not self._is_free(each) for each in self._graph.inputs):
            return False
        following = self._following[step]
        reads = following.inputs.count(value) if following is not None else self._outputs.count(value)
        return self._readers[value] == reads == 1

    def _returns(self) -> Iterator[ast.stmt]:
        always = [value for value in self._outputs if value not in self._program.training]
        if len(always) < len(self._outputs):
            yield ast.If(_TRAINING, [self._return(self._outputs)], [])
        yield self._return(always)

    def _return(self, values: list[Value] | tuple[Value, ...]) -> ast.stmt:
        return ast.Return(_tuple([ast.Name(self._variables[value]) for value in values]))


def _super_init(*children: ast.expr) -> ast.expr:
    return ast.Call(ast.Attribute(ast.Call(ast.Name("super"), [], []), "__init__"), [*children], [])


def _tuple(trees: list[ast.expr] | list[ast.Name]) -> ast.expr:
    return trees[0] if len(trees) == 1 else ast.Tuple([*trees])
