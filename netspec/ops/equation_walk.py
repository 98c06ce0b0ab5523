"""One walk over a calc's tree for all that is asked of it: types, MACs, PyTorch, ONNX.

The walk knows the rules of shapes and element types; an algebra makes the values. A plain number has no type until it
meets a tensor.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from netspec.ir import DType, TensorType
from netspec.lang.operations import BINARY
from netspec.lang.tree import Binary, Call, Compare, Constant, Expression, Name, Unary
from netspec.ops.base import OpError
from netspec.ops.broadcast import broadcast_shapes
from netspec.ops.equation import ALONG_AXIS, REDUCTIONS
from netspec.ops.product import Factor, product_shape

Number = int | float

#: The elementwise functions of plain numbers: `sqrt(dim)`.
_OF_NUMBERS: Mapping[str, Callable[[float], float]] = {
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "tanh": math.tanh,
    "relu": lambda x: max(0.0, x),
    "exp": math.exp,
    "log": math.log,
    "sqrt": math.sqrt,
    "abs": abs,
}


class Algebra(Protocol):
    """What a backend makes of the operations. Operands have their ranks lined up; numbers came through `number`."""

    def number(self, value: Number, dtype: DType) -> Any:
        """A plain number among values of that element type."""

    def behind_batch(self, value: Any, count: int) -> Any:
        """The value with so many axes of size 1 behind its batch."""

    def apply(self, function: str, value: Any) -> Any:
        """A function of one argument, or the sign `-`; softmax and reductions go over the last axis."""

    def combine(self, operator: str, left: Any, right: Any) -> Any:
        """Arithmetic or a comparison."""

    def product(self, left: Any, right: Any, a: Factor, b: Factor) -> Any:
        """The matrix product, of values whose ranks are not lined up."""

    def where(self, test: Any, then: Any, otherwise: Any) -> Any:
        """A choice for each element."""


@dataclass(frozen=True, slots=True)
class Term:
    """A value, and its type; a plain number has none."""

    value: Any
    type: TensorType | None = None


class Walk:
    """The value of a calc, from those of its names."""

    def __init__(self, algebra: Algebra, terms: Mapping[str, Term]) -> None:
        self._algebra = algebra
        self._terms = terms

    def term(self, node: Expression) -> Term:
        """The value of a tree.

        Raises:
            OpError: shapes or element types do not fit, naming the operator and both.
        """
        match node:
            case Constant():
                return Term(node.value)
            case Name():
                return self._terms[node.text]
            case Unary():
                return self._sign(node)
            case Binary():
                left, right = self.term(node.left), self.term(node.right)
                return self._product(left, right) if node.operator == "@" else self._binary(node.operator, left, right)
            case Compare():
                [(operator, right_side)] = node.rest
                return self._compare(operator, self.term(node.first), self.term(right_side))
            case Call():
                arguments = [self.term(each) for each in node.arguments]
                return self._where(*arguments) if node.function == "where" else self._call(node.function, *arguments)
        raise TypeError(type(node).__name__)

    def _sign(self, node: Unary) -> Term:
        term = self.term(node.operand)
        if node.operator == "+":
            return term
        if term.type is None:
            return Term(-term.value)
        return Term(self._algebra.apply("-", term.value), _numeric("-", term.type))

    def _binary(self, operator: str, left: Term, right: Term) -> Term:
        if left.type is None and right.type is None:
            return Term(_folded(operator, BINARY[operator], left.value, right.value))
        values, type = self._together(operator, left, right)
        return Term(self._algebra.combine(operator, *values), _numeric(operator, type))

    def _compare(self, operator: str, left: Term, right: Term) -> Term:
        if left.type is None and right.type is None:
            raise OpError(f"`{operator}` compares two numbers, {left.value:g} and {right.value:g}")
        values, type = self._together(operator, left, right)
        return Term(self._algebra.combine(operator, *values), type.with_dtype(DType.BOOL))

    def _together(self, operator: str, *terms: Term) -> tuple[list[Any], TensorType]:
        """The values with their ranks lined up, and the type that they broadcast to."""
        types = [term.type for term in terms if term.type is not None]
        dtypes = {type.dtype for type in types}
        if len(dtypes) > 1:
            found = " and ".join(type.dtype for type in types)
            raise OpError(f"`{operator}` needs values of one element type, got {found}", code="dtype-mismatch")
        shape = broadcast_shapes(f"`{operator}`", [type.shape for type in types])
        joint = TensorType(shape, types[0].dtype, batched=any(type.batched for type in types))
        return [self._lined_up(operator, term, joint) for term in terms], joint

    def _lined_up(self, operator: str, term: Term, joint: TensorType) -> Any:
        if term.type is None:
            if not joint.dtype.is_floating and term.value != int(term.value):
                raise OpError(f"`{operator}` of {joint.dtype} values and {term.value:g}", code="dtype-mismatch")
            return self._algebra.number(term.value, joint.dtype)
        missing = joint.rank - term.type.rank if term.type.batched else 0
        return self._algebra.behind_batch(term.value, missing) if missing else term.value

    def _product(self, left: Term, right: Term) -> Term:
        if left.type is None or right.type is None:
            raise OpError("`@` multiplies matrices, not numbers")
        _numeric("@", left.type), _numeric("@", right.type)
        shape = product_shape("`@`", left.type.shape, right.type.shape)
        a, b = (Factor(type.shape, type.batched) for type in (left.type, right.type))
        type = TensorType(shape, left.type.dtype, batched=a.batched or b.batched)
        return Term(self._algebra.product(left.value, right.value, a, b), type)

    def _call(self, function: str, argument: Term) -> Term:
        if argument.type is None:
            if function not in _OF_NUMBERS:
                raise OpError(f"`{function}` goes over an axis; {argument.value:g} is a number")
            return Term(_folded(function, _OF_NUMBERS[function], argument.value))
        type = _numeric(function, argument.type)
        if function in ALONG_AXIS and type.rank == 0:
            raise OpError(f"`{function}` goes over the last axis; its argument is one number a sample")
        result = type.with_shape(*type.shape[:-1]) if function in REDUCTIONS else type
        return Term(self._algebra.apply(function, argument.value), result)

    def _where(self, test: Term, then: Term, otherwise: Term) -> Term:
        if test.type is None or test.type.dtype is not DType.BOOL:
            found = "a number" if test.type is None else test.type.dtype
            raise OpError(f"`where` chooses by a comparison, got {found}", code="dtype-mismatch")
        branches = [each.type for each in (then, otherwise) if each.type is not None]
        dtype = branches[0].dtype if branches else DType.FLOAT32
        # The test takes part in the shapes; its element type is another.
        as_branch = Term(test.value, test.type.with_dtype(dtype))
        values, type = self._together("where", as_branch, then, otherwise)
        return Term(self._algebra.where(*values), type)


def _numeric(operator: str, type: TensorType) -> TensorType:
    if not type.dtype.is_floating:
        help = "`where(c, a, b)` chooses by it" if type.dtype is DType.BOOL else None
        raise OpError(f"`{operator}` computes with floats, got {type.dtype}", code="dtype-mismatch", help=help)
    return type


def _folded(name: str, function: Callable[..., Any], *numbers: Number) -> float:
    try:
        result = function(*numbers)
        if math.isfinite(result):
            return result  # type: ignore[no-any-return]
    except (ArithmeticError, ValueError):
        pass
    raise OpError(f"`{name}` of {' and '.join(f'{number:g}' for number in numbers)} is no finite number")
