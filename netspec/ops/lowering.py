"""What ops see of the backends: builders that are handed in, so that op files import neither torch nor onnx."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from netspec.ir import DType, Size, Sizes, TensorType

#: Versions of ONNX's operators that are written.
OPSETS = range(17, 23)
#: The name of the axis of the samples in a file.
BATCH = "batch"


class TorchValue(Protocol):
    """An input of the op in the PyTorch lowering: a type, and an expression that arithmetic builds on (`a + b`).

    `+ - * / // % ** @`, the sign and `< <= > >=` build on it, with numbers on either side.
    """

    @property
    def type(self) -> TensorType:
        """Its type, without the batch axis."""

    @property
    def shape(self) -> Sizes:
        """Its shape per sample."""

    def __add__(self, other: Any) -> Any: ...
    def __sub__(self, other: Any) -> Any: ...
    def __mul__(self, other: Any) -> Any: ...
    def __truediv__(self, other: Any) -> Any: ...
    def __floordiv__(self, other: Any) -> Any: ...
    def __mod__(self, other: Any) -> Any: ...
    def __pow__(self, other: Any) -> Any: ...
    def __matmul__(self, other: Any) -> Any: ...
    def __neg__(self) -> Any: ...
    def __getitem__(self, index: Any) -> Any:
        """What indexing gives: `x[:, None]` by `x[slice(None), None]`."""

    def __getattr__(self, method: str) -> Any:
        """A method call of the tensor: `x.flatten(1)`."""


# One of three things: a module (registered under the node's name and applied to its inputs); an expression over the
# inputs; or what the node owns under its name with the expression that uses it (`t.module`, `t.parameter`, `t.buffer`).
# The expression of an op of several outputs is a tuple of them.
TorchResult = Any


class TorchBuilder(Protocol):
    """Builds source: `t.nn.Linear(3, 4)` is a module, `t.torch.cat([a, b], dim=1)` an expression over the inputs."""

    def module(self, module: Any, use: Callable[[Any], Any]) -> TorchResult:
        """A module that is not simply applied to the inputs: `t.module(t.nn.Softmax(1), lambda own: own(x) + x)`.

        `use` gets `self.name` and gives the op's value (an expression).
        """

    def parameter(self, initial: Any, use: Callable[[Any], Any]) -> TorchResult:
        """A trained tensor that starts at the expression `initial`; its state-dict key is the node's own path.

        `use` gets `self.name`, without a batch axis, and gives the value with one: `lambda own: own.unsqueeze(0)`.
        """

    def buffer(self, initial: Any, use: Callable[[Any], Any], *, persistent: bool = True) -> TorchResult:
        """The same, not trained; not in the state dict either unless `persistent`."""

    def unpack(
        self, module: Any, use: Callable[[Any], Any], parts: tuple[Any, ...], outputs: Callable[..., tuple[Any, ...]]
    ) -> TorchResult:
        """A module whose call gives several values, `output, (h_n, c_n) = self.lstm(x)`.

        Args:
            module: The module.
            use: Its call: gets `self.name`, gives an expression.
            parts: Names for what the call gives, nested as that is: `("output", ("h_n", "c_n"))`.
            outputs: Gets those values in order, and gives the op's outputs (expressions).
        """

    def holder(self, members: Mapping[str, Any]) -> Any:
        """A module that holds several modules, parameters and buffers by name; their keys stand below the node's path.

        Of a parameter or buffer the `use` is not asked: `own.table` is the tensor.
        """

    def let(self, name: str, value: Any) -> Any:
        """The value by a name of its own: computed once, in a statement before the one that reads it."""

    def choose(self, test: Any, then: Any, otherwise: Any) -> Any:
        """`then if test else otherwise`, for tests that no input decides: `own.training`."""

    @property
    def nn(self) -> Any:
        """torch.nn: its classes, called, are modules."""

    @property
    def torch(self) -> Any:
        """torch: its functions, called on inputs, are expressions."""

    @property
    def F(self) -> Any:
        """torch.nn.functional."""


class OnnxValue(Protocol):
    """A value of the ONNX graph, with the type that the op's rules give it where it is an input of the op."""

    @property
    def type(self) -> TensorType:
        """Its type, without the batch axis."""

    @property
    def shape(self) -> Sizes:
        """Its shape per sample."""


class OnnxParams(Protocol):
    """The op's parameters: `p.weight` is an initializer, None where the op has no parameter of that name."""

    def __getattr__(self, name: str) -> OnnxValue | None: ...


class OnnxBuilder(Protocol):
    """Builds nodes: `g.Conv(x, p.weight, p.bias, strides=[1, 1])` adds a node and gives its (first) output.

    `None` among the inputs leaves an optional one out. Attributes are ints, floats, strings, and lists of them.
    """

    def __getattr__(self, op_type: str) -> Callable[..., OnnxValue]:
        """The ONNX operator of that name."""

    def call(self, op_type: str, *inputs: Any, outputs: int = 1, **attributes: Any) -> tuple[OnnxValue, ...]:
        """A node with several outputs."""

    def scan(
        self, step: Callable[..., tuple[Any, ...]], states: Sequence[Any], sequences: Sequence[Any], *,
        axes: Sequence[int], axis: int = 1, reverse: bool = False,
    ) -> tuple[OnnxValue, ...]:  # fmt: skip
        """A Scan: `step` gets the states and one step of each sequence, and gives the next states and outputs.

        Args:
            step: Adds the nodes of one step; it may use any value from outside. What it gives are values of its own.
            states: The states at the start.
            sequences: What is cut into steps.
            axes: Along which axis each sequence is cut, the batch being 0.
            axis: Along which axis outputs are put together.
            reverse: Whether it begins with the last step.

        Returns:
            The final states, then the outputs of all steps.
        """

    def choose(
        self, test: OnnxValue, then: Callable[[], OnnxValue], otherwise: Callable[[], OnnxValue], dtype: DType
    ) -> OnnxValue:
        """One of two values, by a boolean without axes; only that one is computed."""

    def ints(self, values: Sequence[int]) -> OnnxValue:
        """A constant vector of int64 (axes, shapes, pads)."""

    def sizes(self, values: Sequence[Size], input: OnnxValue) -> OnnxValue:
        """A vector of int64 of sizes that may be formulas, which are read off the input's axes, or the network's."""

    def constant(self, values: Any, dtype: DType) -> OnnxValue:
        """A constant tensor: nested lists of numbers, the batch axis (of size 1) included."""

    def cast(self, value: OnnxValue, dtype: DType) -> OnnxValue:
        """The value with elements of another type."""

    def scalar(self, value: float, like: OnnxValue) -> OnnxValue:
        """A constant number of `like`'s element type."""
