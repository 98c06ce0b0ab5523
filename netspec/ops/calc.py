"""Equations over values, as a paper writes them."""

import operator
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from netspec.ir import DType, Size, TensorType
from netspec.lang.tokens import ExpressionError
from netspec.ops.attributes import MAX_FLOAT, Domain, Refusal, number
from netspec.ops.base import FLOATING, Example, Main, Op, OpError
from netspec.ops.equation import calc_names, calc_tree
from netspec.ops.equation_reads import Dependence, dependence
from netspec.ops.equation_walk import Number, Term, Walk
from netspec.ops.lowering import OnnxBuilder, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.product import Factor, product_in_onnx, product_in_torch, product_macs
from netspec.ops.reads import ALL, NEW, POINTWISE, Reads

_NUMBER = number(-MAX_FLOAT, "a finite number")


def _read_expression(text: Any) -> Any:
    if not isinstance(text, str):
        return Refusal("wrong-type")
    try:
        calc_names(text)
    except ExpressionError as error:
        return Refusal("wrong-value", error.message)
    return text


def _read_constants(given: Any) -> Any:
    """A mapping (or its pairs) as pairs, which have a hash."""
    if not isinstance(given, (Mapping, tuple)):
        return Refusal("wrong-type")
    pairs = tuple(given.items()) if isinstance(given, Mapping) else given
    if not all(isinstance(pair, tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
        return Refusal("wrong-type")
    values = [value if type(value) is int else _NUMBER.read(value) for _, value in pairs]
    refused = next((value for value in values if isinstance(value, Refusal)), None)
    return refused or tuple(zip((name for name, _ in pairs), values, strict=True))


_SCHEMA = {"type": "string", "examples": ["x + x", "sigmoid(x) * y", "softmax(x @ y)", "where(x > 0, x, 2 * y)"]}
Equation = Annotated[str, Domain("an equation", _read_expression, _SCHEMA)]
Constants = Annotated[
    tuple[tuple[str, Number], ...],
    Domain("numbers by name", _read_constants, {"type": "object", "additionalProperties": _NUMBER.schema}),
]


class Calc(Op):
    """The value of an equation: `+ - * / ** @`, comparisons, numbers, names, and functions.

    inputs: one for each name, in the order of first use -> what the equation gives. Functions are `sigmoid tanh relu
    exp log sqrt abs`, `where(test, a, b)`, and over the last axis `softmax sum mean max`, of which the last three
    remove it. Shapes broadcast as NumPy's; `@` is torch.matmul. `constants` are numbers by name.
    """

    name = "calc"
    dtypes = FLOATING | {DType.INT64, DType.BOOL}
    steep = True
    expression: Equation = Main()
    constants: Constants = ()
    examples = [
        Example('calc: "f * c + i * g"', (3,), (3,), (3,), (3,)),
        Example('calc: "x - mean(x.0) ** 2"', (2, 4), (4, 3)),
        Example('calc: "where(a > b, tanh(a), -abs(b) / 2 * a)"', (3, 4), (4,)),
        Example('calc: {expression: "softmax(q @ k / sqrt(d)) @ v", constants: {d: 4}}', (3, 4), (4, 5), (5, 2)),
        Example('calc: {expression: "p * relu(x) + (1 - p) * exp(-x)", constants: {p: 0.25}}', (2, 3)),
        Example('calc: "max(a) + sum(sigmoid(b) * b) + log(1 + b @ b)"', (4,), (4,)),
        Example('calc: "x + 2 ** -x + 1"', ()),
    ]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its inputs, in the order of first use."""
        known = dict(self.constants)
        return tuple(name for name in calc_names(self.expression) if name not in known)

    def infer(self, *inputs: TensorType) -> TensorType:
        found = self._walk(_Nothing(), [(None, type) for type in inputs])
        if found.type is None:
            raise OpError("the equation reads no value", attr="expression")
        return found.type

    def macs(self, *inputs: TensorType) -> Size:
        counter = _Nothing()
        self._walk(counter, [(None, type) for type in inputs])
        return counter.macs

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        """From the equation itself."""
        return _of(self._dependence(inputs), self.names[port], dim)

    def reads(self, dim: int, *inputs: TensorType) -> Reads:
        found = [self.reads_of(port, dim, *inputs)[0] for port in range(len(inputs))]
        return ALL if ALL in found else POINTWISE if POINTWISE in found else NEW

    def source(self, dim: int, *inputs: TensorType) -> int | None:
        """In the input of the most axes that has one there."""
        ports = sorted(range(len(inputs)), key=lambda port: -inputs[port].rank)
        axes = (self.reads_of(port, dim, *inputs)[1] for port in ports)
        return next((axis for axis in axes if axis is not None), None)

    def _dependence(self, inputs: Sequence[TensorType]) -> Dependence:
        ranks = {name: type.rank for name, type in zip(self.names, inputs, strict=True)}
        return dependence(calc_tree(self.expression), ranks)

    def _walk(self, algebra: Any, inputs: Sequence[tuple[Any, TensorType]]) -> Term:
        if len(inputs) != len(self.names):
            message = f"the equation has {len(self.names)} names that are values, got {len(inputs)} inputs"
            raise OpError(message, code="wrong-inputs")
        terms = {name: Term(value, type) for name, (value, type) in zip(self.names, inputs, strict=True)}
        terms |= {name: Term(value) for name, value in self.constants}
        return Walk(algebra, terms).term(calc_tree(self.expression))

    def to_torch(self, t: TorchBuilder, *inputs: TorchValue) -> TorchResult:
        return self._walk(_InTorch(t), [(each, each.type) for each in inputs]).value

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> OnnxValue:
        *inputs, _ = inputs_then_params
        result: OnnxValue = self._walk(_InOnnx(g), [(each, each.type) for each in inputs]).value
        return result


def _of(found: Dependence, name: str, dim: int) -> tuple[Reads, int | None]:
    axis = found.axes[dim - 1].get(name)
    if axis is None:
        return NEW, None
    return (ALL if (name, axis) in found.whole else POINTWISE), axis


class _Nothing:
    """The algebra that makes no values, and counts multiply-accumulates."""

    def __init__(self) -> None:
        self.macs: Size = 0

    def number(self, value: Number, dtype: DType) -> None: ...
    def behind_batch(self, value: Any, count: int) -> None: ...
    def apply(self, function: str, value: Any) -> None: ...
    def combine(self, operator: str, left: Any, right: Any) -> None: ...
    def where(self, test: Any, then: Any, otherwise: Any) -> None: ...

    def product(self, left: Any, right: Any, a: Factor, b: Factor) -> None:
        self.macs += product_macs(a.shape, b.shape)


class _InTorch:
    """Expressions: `torch.sigmoid(x) * y`."""

    _operators = {
        "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "**": operator.pow,
        "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    }  # fmt: skip
    _along = {"softmax": "softmax", "sum": "sum", "mean": "mean", "max": "amax"}

    def __init__(self, t: TorchBuilder) -> None:
        self._t = t

    def number(self, value: Number, dtype: DType) -> Number:
        return value

    def behind_batch(self, value: Any, count: int) -> Any:
        return value[(slice(None), *(None,) * count)]

    def apply(self, function: str, value: Any) -> Any:
        if function == "-":
            return -value
        if function in self._along:
            return getattr(value, self._along[function])(-1)
        return getattr(self._t.torch, function)(value)

    def combine(self, operator: str, left: Any, right: Any) -> Any:
        if operator in self._operators:
            return self._operators[operator](left, right)
        function = self._t.torch.eq if operator == "==" else self._t.torch.ne
        return function(right, left) if isinstance(left, (int, float)) else function(left, right)

    def product(self, left: Any, right: Any, a: Factor, b: Factor) -> Any:
        return product_in_torch(left, right, a, b)

    def where(self, test: Any, then: Any, otherwise: Any) -> Any:
        # Of two whole numbers torch.where would make integers.
        branches = (float(each) if isinstance(each, int) else each for each in (then, otherwise))
        return self._t.torch.where(test, *branches)


class _InOnnx:
    """Nodes."""

    _functions = {
        "-": "Neg", "sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu", "exp": "Exp", "log": "Log", "sqrt": "Sqrt",
        "abs": "Abs", "+": "Add", "*": "Mul", "/": "Div", "**": "Pow", "<": "Less", "<=": "LessOrEqual",
        ">": "Greater", ">=": "GreaterOrEqual", "==": "Equal",
    }  # fmt: skip
    _reductions = {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax"}

    def __init__(self, g: OnnxBuilder) -> None:
        self._g = g

    def number(self, value: Number, dtype: DType) -> OnnxValue:
        return self._g.constant(value, dtype)

    def behind_batch(self, value: Any, count: int) -> OnnxValue:
        return self._g.Unsqueeze(value, self._g.ints(range(1, count + 1)))

    def apply(self, function: str, value: Any) -> Any:
        if function == "softmax":
            return self._g.Softmax(value, axis=-1)
        if function in self._reductions:
            return getattr(self._g, self._reductions[function])(value, self._g.ints([-1]), keepdims=0)
        return getattr(self._g, self._functions[function])(value)

    def combine(self, operator: str, left: Any, right: Any) -> Any:
        if operator == "-":
            return self._g.Sub(left, right)
        if operator == "!=":
            return self._g.Not(self._g.Equal(left, right))
        return getattr(self._g, self._functions[operator])(left, right)

    def product(self, left: Any, right: Any, a: Factor, b: Factor) -> OnnxValue:
        return product_in_onnx(self._g, left, right, a, b)

    def where(self, test: Any, then: Any, otherwise: Any) -> OnnxValue:
        return self._g.Where(test, then, otherwise)
