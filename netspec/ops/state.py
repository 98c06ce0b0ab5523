"""Values that read nothing and are the same for every sample: learned, stored, or fixed.

A learned or stored one has no parameter name: its state-dict key is the layer's own path.
"""

from collections.abc import Mapping
from typing import Any, Literal

from netspec.ir import DType, Size, TensorType, bounds
from netspec.ops.attributes import MAX_INT, Numbers, OptionalSizes, SizeOrSymbol, Sizes
from netspec.ops.base import ANY_DTYPE, Example, Main, Op, OpError, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import NEW, Reads
from netspec.ops.sizes import known, require_readable, resolve_sizes, torch_sizes


class ReadsNothing(Op):
    """Base: what reads nothing has a shape of numbers."""

    def own_shape(self) -> tuple[int, ...]:
        """The shape of the value."""
        return tuple(known(size, self.name) for size in self.infer_all()[0].shape)


class Stored(ReadsNothing):
    """Base of the values with a state-dict key. `batched` stores the leading axis of size 1 too."""

    batched: bool = False

    def stored_shape(self) -> tuple[int, ...]:
        """The shape in the state dict."""
        return (*((1,) if self.batched else ()), *self.own_shape())

    def with_batch(self, own: Any) -> Any:
        """The value with its batch axis of size 1, in PyTorch."""
        return own if self.batched else own.unsqueeze(0)

    def to_onnx(self, g: OnnxBuilder, p: OnnxParams) -> OnnxValue:
        stored: Any = getattr(p, "")
        return stored if self.batched else g.Reshape(stored, g.ints([1, *self.own_shape()]))


class Parameter(Stored):
    """A learned tensor, the same for every sample; its key is its own path.   no inputs -> shape.

    It starts at zero unless `init` says otherwise. `batched: true` stores it as [1, *shape], as some checkpoints do.
    """

    name = "param"
    shape: Sizes = Main()
    examples = [
        Example("param: [3, 4]"),
        Example("param: {shape: [5], batched: true}"),
        Example("param: {shape: []}"),
    ]

    def infer(self) -> TensorType:
        return TensorType(self.shape)

    def params(self) -> Mapping[str, Param]:
        return {"": Param(self.stored_shape())}

    def explain(self) -> str:
        return " * ".join(map(str, self.shape)) or "1"

    def to_torch(self, t: TorchBuilder) -> TorchResult:
        return t.parameter(t.torch.zeros(*_sizes(self.stored_shape())), self.with_batch)


class Valued(ReadsNothing):
    """Base of the values that are written down: a number for all elements of `shape`, or nested lists of numbers."""

    value: Numbers
    shape: OptionalSizes = None

    def infer(self) -> TensorType:
        written = _shape_of(self.value)
        if self.shape is None:
            return TensorType(written)
        if written not in ((), self.shape):
            message = f"the values are {list(written)}, but shape is {list(self.shape)}"
            raise OpError(message, attr="value", code="shape-mismatch")
        return TensorType(self.shape)

    def initial(self, t: TorchBuilder, shape: tuple[int, ...], number: type[int | float] = float, **dtype: Any) -> Any:
        """The tensor in PyTorch, with that shape (which may have a leading 1) and kind of numbers."""
        written = _lists(self.value, number)
        if isinstance(written, list):
            return t.torch.tensor([written] if len(shape) > self.infer().rank else written, **dtype)
        return t.torch.full(shape, written, **dtype) if written else t.torch.zeros(*_sizes(shape), **dtype)


class Buffer(Valued, Stored):
    """A stored tensor that is not trained and not counted; its key is its own path.   no inputs -> shape.

    `value` is what it starts at: a number for all of `shape`, or nested lists.
    """

    name = "buffer"
    value: Numbers = 0.0
    examples = [
        Example("buffer: {shape: [3, 4]}"),
        Example("buffer: {value: [[1, 2], [0.5, -1]]}"),
        Example("buffer: {shape: [2], value: 0.5, batched: true}"),
    ]

    def params(self) -> Mapping[str, Param]:
        return {"": Param(self.stored_shape(), buffer=True)}

    def to_torch(self, t: TorchBuilder) -> TorchResult:
        return t.buffer(self.initial(t, self.stored_shape()), self.with_batch)


class Constant(Valued):
    """A fixed value, not in the state dict: a number for all of `shape`, or nested lists.   no inputs -> shape."""

    name = "constant"
    value: Numbers = Main()
    dtype: Literal["float32", "int64"] = "float32"
    examples = [
        Example("constant: [[0.299, 0.587, 0.114]]"),
        Example("constant: {value: -1.5, shape: [2, 3]}"),
        Example("constant: {value: [0, 2, 1], dtype: int64}"),
        Example("constant: 3"),
    ]

    def infer(self) -> TensorType:
        if self.dtype == "int64" and any(
            number != int(number) or abs(number) > MAX_INT for number in _flat(self.value)
        ):
            raise OpError(f"int64 values must be whole numbers of at most {MAX_INT:,}", attr="value")
        return super().infer().with_dtype(DType(self.dtype))

    def to_torch(self, t: TorchBuilder) -> TorchResult:
        is_int = self.dtype == "int64"
        dtype = {"dtype": t.torch.int64} if is_int else {}
        initial = self.initial(t, self.own_shape(), int if is_int else float, **dtype)
        return t.buffer(initial, lambda own: own.unsqueeze(0), persistent=False)

    def to_onnx(self, g: OnnxBuilder, p: OnnxParams) -> OnnxValue:
        type = self.infer()
        values = g.constant([_lists(self.value, float)], type.dtype)
        return values if isinstance(self.value, tuple) else g.Expand(values, g.ints([1, *self.own_shape()]))


class Arange(Op):
    """0, 1, ..., end - 1, the same for every sample.   no inputs -> int64 (end).

    `end` is a number, or a symbol; then `like` is a value one of whose axes has it, of which nothing
    but sizes is read: left out, the network's input that has it.
    """

    name = "arange"
    dtypes = ANY_DTYPE
    sizes_only = True
    end: SizeOrSymbol = Main()
    examples = [Example("arange: 5"), Example("arange: {end: 3}", (4, 2))]

    def size(self, like: TensorType | None) -> Size:
        """How many numbers there are.

        Raises:
            OpError: `end` is a symbol, and nothing tells its size.
        """
        if not isinstance(self.end, str):
            return self.end
        if like is None:
            help = f"say what has an axis of that size: `{{arange: {self.end}, from: tokens}}`"
            raise OpError(f"arange reads nothing that tells the size `{self.end}`", attr="end", help=help)
        [size] = resolve_sizes("end", [self.end], like.shape)
        require_readable("end", (size,), like.shape)
        return size

    def infer(self, like: TensorType | None = None) -> TensorType:
        return TensorType((self.size(like),), DType.INT64)

    def below(self, like: TensorType | None = None) -> int | None:
        """The largest size that the symbol may have."""
        return bounds(self.size(like))[1]

    def reads(self, dim: int, like: TensorType | None = None) -> Reads:
        return NEW

    def source(self, dim: int, like: TensorType | None = None) -> int | None:
        return None

    def to_torch(self, t: TorchBuilder, like: TorchValue | None = None) -> TorchResult:
        if like is None or not isinstance(self.end, str):
            return t.buffer(t.torch.arange(self.end), lambda own: own.unsqueeze(0), persistent=False)
        [size] = torch_sizes(like, (self.size(like.type),))
        return t.torch.arange(size, device=like.device).unsqueeze(0)

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> OnnxValue:
        *inputs, _ = inputs_then_params
        size = self.size(inputs[0].type if inputs else None)
        end = g.Squeeze(g.sizes([size], inputs[0])) if inputs else g.constant(size, DType.INT64)
        numbers = g.Range(g.constant(0, DType.INT64), end, g.constant(1, DType.INT64))
        return g.Unsqueeze(numbers, g.ints([0]))


def _sizes(shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Arguments of torch.zeros: `zeros(3, 4)`, `zeros(())`."""
    return shape or ((),)


def _shape_of(value: Any) -> tuple[int, ...]:
    return (len(value), *_shape_of(value[0])) if isinstance(value, tuple) else ()


def _lists(value: Any, number: type[int | float]) -> Any:
    return [_lists(each, number) for each in value] if isinstance(value, tuple) else number(value)


def _flat(value: Any) -> list[float]:
    return [number for each in value for number in _flat(each)] if isinstance(value, tuple) else [value]
