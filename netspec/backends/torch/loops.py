"""Scans as loops: where states start, what is cut into steps, and how what the steps give is put together."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netspec.backends.torch.expressions import Expression, Operand
from netspec.backends.torch.naming import unique, variable_name
from netspec.ir import Scan, TensorType, Value, symbols_of
from netspec.ops.sizes import readings, torch_sizes

TORCH = Expression(ast.Name("torch"))


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A scan in a class: the variables of what it reads, its module, and the names that are taken there.

    `may_overwrite`: the variables are arguments, which nobody else reads.
    """

    scan: Scan
    variables: Sequence[str]
    module: Expression
    taken: set[str]
    may_overwrite: bool
    # The scan's outputs that somebody reads.
    read: frozenset[Value]

    def statements(self) -> tuple[list[ast.stmt], list[ast.expr]]:
        """The statements, and what each of the scan's outputs is after them."""
        body: list[ast.stmt] = []
        names = self.started(body)
        if self.scan.is_single:
            return body, self._single(names)
        targets = self._targets(names)
        lists = self._lists(body)
        body.append(self._for(names, targets, lists))
        first = len(self.scan.states)
        found = [self._together(lists.get(index)) for index in range(first, len(self.scan.body.outputs))]
        finals = [names[inside] for slot, inside, _ in self.scan.reads() if slot.state is not None]
        return body, [*found, *map(ast.Name, finals)]

    def _together(self, name: str | None) -> ast.expr:
        """The steps of what was emitted, in order; nothing where nobody reads it."""
        if name is None:
            return ast.Constant(None)
        every = Expression(ast.Name(name))
        return TORCH.stack(every[slice(None, None, -1)] if self.scan.reverse else every, dim=1).tree

    def _single(self, names: Mapping[Value, str]) -> list[ast.expr]:
        return [self.module.step(*(Expression(ast.Name(names[value])) for value in self.scan.body.inputs)).tree]

    # Where it starts

    def named(self, name: str) -> str:
        """A name that nothing has."""
        return unique(name, self.taken)

    def starts_at_zero(self, state: Value) -> bool:
        """Whether it is that state of the body."""
        return any(
            inside is state and outside is None and slot.start is None for slot, inside, outside in self.scan.reads()
        )

    def started(self, body: list[ast.stmt], *, fused: bool = False) -> dict[Value, str]:
        """The variable of each of the body's inputs: of a sequence, still of the whole.

        `fused`: what starts at zero has a first axis of size 1, as torch's layers take it.
        """
        names: dict[Value, str] = {}
        variables = iter(self.variables)
        for slot, inside, outside in self.scan.reads():
            own = None if outside is None else next(variables)
            tree: ast.expr | None = None
            if outside is None or own is None:
                zeros = self._layer_of_zeros if fused else self._zeros
                tree = zeros(inside) if slot.start is None else self._learned(inside)
            elif inside.type.batched and not outside.type.batched:
                repeated = Expression(ast.Name(own)).expand(self._batch(), *(-1,) * outside.type.rank)
                tree = repeated.tree
            elif slot.state is not None and not (self.may_overwrite or self.scan.is_single):
                tree = ast.Name(own)
            if own is not None and (tree is None or self.may_overwrite):
                names[inside] = own
            else:
                names[inside] = unique(variable_name(inside.name), self.taken)
            if tree is not None:
                body.append(ast.Assign([ast.Name(names[inside])], tree, lineno=1))
        return names

    def _zeros(self, state: Value) -> ast.expr:
        like = self._like(state.type)
        if like is None:
            return TORCH.zeros(1, *state.type.shape).tree
        sizes = torch_sizes(like, state.type.shape)
        if like.type.dtype is state.type.dtype:
            return like.new_zeros(self._batch(), *sizes).tree
        dtype = Expression(ast.Attribute(TORCH.tree, state.type.dtype.value))
        return TORCH.zeros(self._batch(), *sizes, dtype=dtype, device=like.device).tree

    def _layer_of_zeros(self, state: Value) -> ast.expr:
        """As torch's own layers make them."""
        [like] = (each for each in self._operands() if each.type.rank == 2)
        return TORCH.zeros(1, self._batch(), *state.type.shape, dtype=like.dtype, device=like.device).tree

    def _learned(self, state: Value) -> ast.expr:
        own = Expression(ast.Attribute(self.module.tree, state.name))
        sizes = (-1,) * state.type.rank
        return (own.expand(self._batch(), *sizes) if self.scan.inputs else own.unsqueeze(0)).tree

    def _like(self, type: TensorType) -> Operand | None:
        """What is read from which the sizes of a state can be told."""
        symbols = {each for size in type.shape for each in symbols_of(size)}
        fitting = (each for each in self._operands() if symbols <= readings(each.shape).keys())
        return next(fitting, None)

    def _batch(self) -> Expression:
        batched = [each for each in self._operands() if each.type.batched] or list(self._operands())
        return batched[0].size(0)

    def _operands(self) -> Iterator[Operand]:
        pairs = zip(self.variables, self.scan.inputs, strict=True)
        return (Operand(ast.Name(name), value.type) for name, value in pairs)

    # The loop

    def _targets(self, names: Mapping[Value, str]) -> dict[Value, str]:
        """The variables that a step's values get: those of the states, and new ones for what else is emitted."""
        states = [names[inside] for slot, inside, _ in self.scan.reads() if slot.state is not None]
        targets: dict[Value, str] = {}
        for value, name in zip(self.scan.body.outputs, states, strict=False):
            targets.setdefault(value, name)
        for value in self.scan.body.outputs:
            if value not in targets:
                targets[value] = unique(variable_name(value.name.rpartition(".")[2]), self.taken)
        return targets

    def _lists(self, body: list[ast.stmt]) -> dict[int, str]:
        """The lists that what is emitted is collected in, by its place among the body's outputs."""
        first = len(self.scan.states)
        lists: dict[int, str] = {}
        for index in range(first, len(self.scan.body.outputs)):
            output = self.scan.outputs[index - first]
            if output not in self.read:
                continue
            own = output.name.rpartition(".")[2]
            lists[index] = unique("outputs" if index == first else variable_name(f"{own}s"), self.taken)
            body.append(ast.Assign([ast.Name(lists[index])], ast.List([]), lineno=1))
        return lists

    def _for(self, names: dict[Value, str], targets: Mapping[Value, str], lists: Mapping[int, str]) -> ast.stmt:
        cut = [(slot, inside, names[inside]) for slot, inside, _ in self.scan.reads() if slot.axis is not None]
        steps = {inside: unique(f"{name}_t", self.taken) for _, inside, name in cut}
        parts = [self._parts(name, slot.axis) for slot, _, name in cut]
        if not parts:
            over, target = Expression(ast.Name("range"))(self.scan.steps), _tuple(["_"])
        else:
            over = parts[0] if len(parts) == 1 else Expression(ast.Name("zip"))(*parts)
            target = _tuple([*steps.values()])
        statements = [self._step(names | steps, targets), *self._copies(names, targets)]
        outputs = self.scan.body.outputs
        appended = (
            Expression(ast.Name(name)).append(Expression(ast.Name(targets[outputs[i]]))) for i, name in lists.items()
        )
        return ast.For(target, over.tree, [*statements, *(ast.Expr(each.tree) for each in appended)], [], lineno=1)

    def _parts(self, name: str, axis: int | None) -> Expression:
        parts = Expression(ast.Name(name)).unbind(axis)
        return Expression(ast.Name("reversed"))(parts) if self.scan.reverse else parts

    def _step(self, names: Mapping[Value, str], targets: Mapping[Value, str]) -> ast.stmt:
        given = [Expression(ast.Name(names[value])) for value in self.scan.body.inputs]
        return ast.Assign([_tuple([*targets.values()])], self.module.step(*given).tree, lineno=1)

    def _copies(self, names: Mapping[Value, str], targets: Mapping[Value, str]) -> Iterator[ast.stmt]:
        """Two states that are given one value."""
        states = [names[inside] for slot, inside, _ in self.scan.reads() if slot.state is not None]
        for value, name in zip(self.scan.body.outputs, states, strict=False):
            if targets[value] != name:
                yield ast.Assign([ast.Name(name)], ast.Name(targets[value]), lineno=1)


def _tuple(names: list[str]) -> ast.expr:
    return ast.Name(names[0]) if len(names) == 1 else ast.Tuple([ast.Name(name) for name in names])
