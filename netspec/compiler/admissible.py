"""Sizes that a network with free axes takes: the smallest at which every window fits, and some beyond."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from netspec.ir import Graph, Node, Symbol, Value, evaluate, symbols_of
from netspec.ops.base import Op, OpError

# How far beyond the smallest, in steps of what divides the symbol: odd and even sizes, and one that is neither's next.
OFFSETS = (0, 1, 3)
MAX_STEPS = 2**16

Assignment = Mapping[str, int]


def free_symbols(graph: Graph) -> list[Symbol]:
    """The symbols of the inputs' shapes, by name."""
    found = {each for value in graph.inputs for size in value.type.shape for each in symbols_of(size)}
    return sorted(found, key=lambda each: each.name)


def admissible(graph: Graph, fixed: Assignment = MappingProxyType({})) -> list[Assignment]:
    """As many assignments as there are OFFSETS: each symbol has another size in each, unless its bounds forbid it.

    The same one, so many times, where nothing is free; none where no size fits.

    Args:
        graph: A verified graph.
        fixed: Sizes of some symbols, which they have in all assignments.
    """
    search = _Search(graph, fixed)
    symbols = [each for each in free_symbols(graph) if each.name not in fixed]
    smallest = search.smallest(symbols)
    if smallest is None:
        return []
    found: list[Assignment] = []
    for i in range(len(OFFSETS)):
        steps = {each: smallest[each] + OFFSETS[(i + j) % len(OFFSETS)] for j, each in enumerate(symbols)}
        found.append(search.sizes(steps if search.fits(steps) else smallest))
    return found


def fits(graph: Graph, sizes: Assignment) -> bool:
    """Whether every layer takes these sizes."""
    values = {value for node in graph.walk() for value in (*node.inputs, *node.outputs)}
    if any(size < 1 for value in values for size in _shape(value, sizes)):
        return False
    return all(_takes(node, sizes) for node in graph.walk())


def _takes(node: Node, sizes: Assignment) -> bool:
    """Whether the op infers the same from the numbers; one whose attributes name a symbol is judged by its shapes."""
    assert isinstance(node.op, Op)
    if any(_names(value, sizes) for value in node.op.attributes().values()):
        return True
    try:
        found = node.op.infer_all(*(value.type.with_shape(*_shape(value, sizes)) for value in node.inputs))
    except OpError:
        return False
    return [type.shape for type in found] == [_shape(value, sizes) for value in node.outputs]


def _names(value: object, sizes: Assignment) -> bool:
    return any(each in sizes for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, str))


def _shape(value: Value, sizes: Assignment) -> tuple[int, ...]:
    return tuple(evaluate(size, sizes) for size in value.type.shape)


class _Search:
    """Looks for the fewest steps from the least sizes, the fixed ones being what they are."""

    def __init__(self, graph: Graph, fixed: Assignment) -> None:
        self._graph = graph
        self._fixed = fixed

    def sizes(self, steps: Mapping[Symbol, int]) -> dict[str, int]:
        """The size after so many steps from the least one, or the largest that is allowed."""
        reached = {each.name: each.least + count * each.multiple_of for each, count in steps.items()}
        most = {each.name: each.most for each in steps if each.most is not None}
        return {name: min(size, most.get(name, size)) for name, size in reached.items()} | dict(self._fixed)

    def fits(self, steps: Mapping[Symbol, int]) -> bool:
        """Whether every layer takes the sizes after so many steps."""
        return fits(self._graph, self.sizes(steps))

    def smallest(self, symbols: list[Symbol]) -> dict[Symbol, int] | None:
        """The fewest steps at which every layer fits: together first, then each by itself."""
        reach = 0
        while not self.fits(dict.fromkeys(symbols, reach)):
            if not symbols or reach >= MAX_STEPS:
                return None
            reach = max(1, 2 * reach)
        steps = dict.fromkeys(symbols, reach)
        for each in symbols:
            steps[each] = self._fewest(steps, each)
        return steps

    def _fewest(self, steps: dict[Symbol, int], symbol: Symbol) -> int:
        below, enough = -1, steps[symbol]
        while enough - below > 1:
            middle = (below + enough) // 2
            if self.fits(steps | {symbol: middle}):
                enough = middle
            else:
                below = middle
        return enough
