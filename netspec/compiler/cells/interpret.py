"""A cell's graph as vectors of polynomials: what each of its values is, as far as that can be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import Any

from netspec.compiler.cells.algebra import Entries, Opaque, Poly, Product, Var, Weight, applied, atom, divided, number
from netspec.compiler.cells.vectors import Vector, combined, joined
from netspec.ir import DType, Graph, Node, Region, Scan, Sizes, TensorType, Value
from netspec.ops.base import Op
from netspec.ops.equation import calc_tree
from netspec.ops.equation_walk import Term, Walk
from netspec.ops.product import Factor

# Ops that keep the elements in their order.
_SAME = frozenset({"identity", "flatten", "unflatten", "reshape", "squeeze", "unsqueeze"})
_FUNCTIONS = {"sigmoid": "sigmoid", "tanh": "tanh", "relu": "relu", "exp": "exp", "neg": "-"}


class Unknown(Exception):
    """A value that is no such vector."""


def interpret(graph: Graph) -> dict[Value, Vector]:
    """The vector that each value of a cell is; one that cannot be told is a name of its own."""
    known: dict[Value, Vector] = {}
    for value in graph.inputs:
        size = _size(value.type)
        if size is not None:
            known[value] = Vector(((size, atom(Var(value.name, 0))),))
    _walk(graph, known)
    return known


def _size(type: TensorType) -> int | None:
    return prod(size for size in type.shape if isinstance(size, int)) if _is_numbers(type) else None


def _is_numbers(type: TensorType) -> bool:
    return all(isinstance(size, int) for size in type.shape) and type.dtype.is_floating


def _walk(graph: Graph, known: dict[Value, Vector]) -> None:
    for node in graph.nodes:
        if isinstance(node, Region):
            known |= {inside: known[outside] for inside, outside in node.entries() if outside in known}
            if not isinstance(node, Scan) and node.presence == "always":
                _walk(node.body, known)
                known |= {outside: known[inside] for inside, outside in node.exits() if inside in known}
        else:
            try:
                found = _node(node, [known[value] for value in node.inputs])
            except (Unknown, KeyError):
                found = [None] * len(node.outputs)
            pairs = zip(node.outputs, found, strict=True)
            known |= {value: each for value, each in pairs if each is not None and each.size == _size(value.type)}
        for value in node.outputs:
            size = _size(value.type)
            if value not in known and size is not None:
                known[value] = Vector(((size, atom(Opaque(value.name, 0))),))


def _node(node: Node, inputs: Sequence[Vector]) -> Sequence[Vector | None]:
    op = node.op
    assert isinstance(op, Op)
    types = [value.type for value in node.inputs]
    if node.presence != "always" or any(tie.transpose for tie in node.ties.values()):
        raise Unknown
    if op.name in _SAME:
        return [inputs[0]]
    if op.name in _FUNCTIONS:
        return [inputs[0].map(lambda poly: applied(_FUNCTIONS[op.name], poly))]
    if op.name in _MAKERS:
        return _MAKERS[op.name](node, op, inputs, types)
    raise Unknown


def _linear(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    if types[0].rank != 1:
        raise Unknown
    total = _mapped(node.key("weight"), 0, inputs[0])
    if op.bias:
        total += atom(Weight(node.key("bias"), 0))
    return [Vector(((op.out_features, total),))]


def _mapped(key: str, row: int, vector: Vector) -> Poly:
    """The product of a matrix, from a row on, with a vector: of some columns with each part."""
    total, column = Poly(), 0
    for size, poly in vector.parts:
        total += atom(_product(key, row, column, size, poly))
        column += size
    return total


def _product(key: str, row: int, column: int, width: int, poly: Poly) -> Product:
    [(monomial, factor)] = poly.terms if len(poly.terms) == 1 else [((), 0.0)]
    source = monomial[0] if len(monomial) == 1 and factor == 1 else None
    if isinstance(source, Var):
        return Product(key, row, column, width, source.name, source.start)
    return Product(key, row, column, width, f"<{poly}>", 0)


def _matmul(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    matrix, vector = inputs
    return [_of_matrix(matrix, vector, types[0].shape, types[1].shape)]


def _of_matrix(matrix: Vector, vector: Vector, a: Sizes, b: Sizes) -> Vector:
    """The product of a learned matrix [a], or of some of its rows, with a vector [b]."""
    [(monomial, factor)] = matrix.whole.terms if matrix.whole and len(matrix.whole.terms) == 1 else [((), 0.0)]
    own = monomial[0] if len(monomial) == 1 else None
    if not isinstance(own, Entries) or len(b) != 1 or a[1:] != (own.columns,) or own.start % own.columns:
        raise Unknown
    assert isinstance(a[0], int)
    return Vector(((a[0], _mapped(own.key, own.start // own.columns, vector).times(factor)),))


def _param(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    if len(op.shape) not in (1, 2) or op.batched:
        raise Unknown
    own = Weight(node.key(""), 0) if len(op.shape) == 1 else Entries(node.key(""), 0, op.shape[1])
    return [Vector(((prod(op.shape), atom(own)),))]


def _concat(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    if any(type.rank != 1 for type in types):
        raise Unknown
    return [joined(inputs)]


def _parts(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    if op.axis(types[0]) != 1:
        raise Unknown
    found, start = [], 0
    for value in node.outputs:
        size = _size(value.type) or 0
        found.append(inputs[0].cut(start, start + size))
        start += size
    return found


def _select(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    if op.axis(types[0]) != 1:
        raise Unknown
    size, index = _size(node.outputs[0].type) or 0, op.index % types[0].shape[0]
    return [inputs[0].cut(index * size, (index + 1) * size)]


def _cut(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    axis, start, end, step = op.cut(types[0])
    if axis != 1 or step != 1:
        raise Unknown
    each = (_size(types[0]) or 0) // types[0].shape[0]
    return [inputs[0].cut(start * each, end * each)]


def _sum(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    return [_folded(inputs, types, lambda a, b: a + b)]


def _times(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    return [_folded(inputs, types, lambda a, b: a * b)]


def _minus(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    return [_folded(inputs, types, lambda a, b: a + b.times(-1))]


def _folded(
    inputs: Sequence[Vector], types: Sequence[TensorType], function: Callable[[Poly, Poly], Poly | None]
) -> Vector | None:
    if len({type.shape for type in types}) > 1:
        raise Unknown
    found: Vector | None = inputs[0]
    for each in inputs[1:]:
        found = None if found is None else combined(found, each, function)
    return found


def _calc(node: Node, op: Any, inputs: Sequence[Vector], types: Sequence[TensorType]) -> Sequence[Vector | None]:
    terms = {name: Term(vector, type) for name, vector, type in zip(op.names, inputs, types, strict=True)}
    terms |= {name: Term(value) for name, value in op.constants}
    return [Walk(_Equations(), terms).term(calc_tree(op.expression)).value]


class _Equations:
    """The algebra of equations on vectors: plain numbers stretch, all else has equally many elements."""

    _operators: Mapping[str, Callable[[Poly, Poly], Poly | None]] = {
        "+": lambda a, b: a + b,
        "-": lambda a, b: a + b.times(-1),
        "*": lambda a, b: a * b,
        "/": divided,
    }

    def number(self, value: float, dtype: DType) -> Poly:
        return number(value)

    def behind_batch(self, value: Any, count: int) -> Any:
        raise Unknown

    def apply(self, function: str, value: Vector) -> Vector:
        return _or_unknown(value.map(lambda poly: applied(function, poly)))

    def combine(self, operator: str, left: Vector | Poly, right: Vector | Poly) -> Vector:
        function = self._operators.get(operator)
        if function is None:
            raise Unknown
        if isinstance(left, Poly) and isinstance(right, Vector):
            return _or_unknown(right.map(lambda poly: function(left, poly)))
        if isinstance(right, Poly) and isinstance(left, Vector):
            return _or_unknown(left.map(lambda poly: function(poly, right)))
        assert isinstance(left, Vector)
        assert isinstance(right, Vector)
        return _or_unknown(combined(left, right, function))

    def product(self, left: Vector, right: Vector, a: Factor, b: Factor) -> Vector:
        return _of_matrix(left, right, a.shape, b.shape)

    def where(self, test: Any, then: Any, otherwise: Any) -> Any:
        raise Unknown


def _or_unknown(found: Vector | None) -> Vector:
    if found is None:
        raise Unknown
    return found


_MAKERS: Mapping[str, Callable[..., Sequence[Vector | None]]] = {
    "linear": _linear, "param": _param, "concat": _concat, "chunk": _parts, "split": _parts, "select": _select,
    "slice": _cut, "narrow": _cut, "add": _sum, "mul": _times, "sub": _minus, "matmul": _matmul, "calc": _calc,
}  # fmt: skip
