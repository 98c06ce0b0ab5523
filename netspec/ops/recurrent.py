"""Recurrent layers: RNN, GRU, LSTM, by torch's fused modules and ONNX's nodes."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

from netspec.ir import Size, TensorType
from netspec.ops.attributes import NonNegativeInt, PositiveInt, Probability, integer
from netspec.ops.base import Example, Main, Masked, Op, OpError, Param
from netspec.ops.broadcast import repeated_in_torch, same_dtype
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, NEW, PAST, Reads
from netspec.ops.recurrent_onnx import Cell, Weights, cell_of, in_onnx
from netspec.ops.sizes import known

# Each layer has parameters of its own, so that many are a slip of the pen.
MAX_LAYERS = 256
NumLayers = Annotated[int, integer(1, "a positive integer", high=MAX_LAYERS)]


class Place(NamedTuple):
    """One direction of one layer: what torch appends to its parameters' names, and how many features it reads."""

    suffix: str
    in_features: int


class Recurrent(Op):
    """Base of the recurrent layers: a subclass says its number of gates and its states."""

    train_differs = True
    hidden_size: PositiveInt = Main()
    num_layers: NumLayers = 1
    bias: bool = True
    dropout: Probability = 0.0
    bidirectional: bool = False

    gates: ClassVar[int]
    torch_class: ClassVar[str]

    @property
    def directions(self) -> int:
        """1, or 2 where it runs backward too."""
        return 1 + self.bidirectional

    @property
    def output_size(self) -> int:
        """How many features a direction gives."""
        return self.hidden_size

    def state_sizes(self) -> tuple[int, ...]:
        """The last axis of each state: (hidden_size,), and for an LSTM that of the cell state."""
        return (self.hidden_size,)

    def typed(self, input: TensorType, states: Sequence[TensorType | None]) -> tuple[TensorType, ...]:
        """The types of `sequence`, of the states, and of `last`.

        Raises:
            OpError: the input is no sequence of vectors, or a state has another shape.
        """
        if input.rank != 2:
            message = f"{self.name} reads [T, features], got {_shape(input)}"
            raise OpError(message, help="a layer that makes vectors of them stands before it: `flatten`, `unsqueeze`")
        known(input.shape[-1], f"the features of {self.name}")
        same_dtype(self.name, [input, *(state for state in states if state is not None)])
        shapes = [(self.num_layers * self.directions, size) for size in self.state_sizes()]
        for state, shape in zip(states, shapes, strict=True):
            if state is not None and state.shape != shape:
                what = "directions of layers" if self.bidirectional else "layers"
                message = f"an initial state of {self.name} is {list(shape)} ({what}, features), got {_shape(state)}"
                raise OpError(message, code="shape-mismatch")
        width = self.directions * self.output_size
        finals = [input.with_shape(*shape) for shape in shapes]
        return input.with_shape(input.shape[0], width), *finals, input.with_shape(width)

    def places(self, input: TensorType) -> Iterator[Place]:
        """The directions of the layers, in torch's order."""
        features = known(input.shape[-1], f"the features of {self.name}")
        for layer in range(self.num_layers):
            for direction in range(self.directions):
                yield Place(f"l{layer}{'_reverse' if direction else ''}", features)
            features = self.directions * self.output_size

    def params(self, input: TensorType, *states: TensorType) -> Mapping[str, Param]:
        rows, found = self.gates * self.hidden_size, dict[str, tuple[int, ...]]()
        for suffix, features in self.places(input):
            found |= {f"weight_ih_{suffix}": (rows, features), f"weight_hh_{suffix}": (rows, self.output_size)}
            found |= {f"bias_{kind}_{suffix}": (rows,) for kind in ("ih", "hh") if self.bias}
            if self.output_size != self.hidden_size:
                found[f"weight_hr_{suffix}"] = (self.output_size, self.hidden_size)
        return {name: Param(shape, dtype=input.dtype) for name, shape in found.items()}

    def macs(self, input: TensorType, *states: TensorType) -> Size:
        weights = (param.numel for name, param in self.params(input).items() if name.startswith("weight"))
        return input.shape[0] * sum(weights)

    def reads(self, dim: int, input: TensorType, *states: TensorType) -> Reads:
        return ALL if dim == 2 or self.bidirectional else PAST

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        """A position reads those before it, and all of the states it starts from."""
        if port == 0:
            return self.reads(dim, *inputs), dim
        return (ALL, dim) if dim == 2 else (NEW, None)

    def explain(self, input: TensorType, *states: TensorType) -> str:
        h, p, biases = self.hidden_size, self.output_size, 2 if self.bias else 0
        each = "" if self.gates == 1 else f"{self.gates} * "
        terms: list[str] = []
        for _, features in self.places(input):
            terms.append(f"{each}{h} * ({features} + {p}{f' + {biases}' if biases else ''})")
            terms += [f"{p} * {h}"] if p != h else []
        return " + ".join(terms)

    def filler(self, port: int, *inputs: TensorType) -> float:
        return 0.0

    def carried(self, *inputs: TensorType) -> tuple[int, ...]:
        return tuple(range(1, 1 + len(self.state_sizes()))) if len(inputs) == 1 else ()

    def masked(self, *inputs: TensorType) -> Masked | None:
        from netspec.ops.masked_recurrent import TO_VALID

        if 1 not in inputs[0].valid:
            return None
        return Masked(TO_VALID[self.name].model_construct(**dict(self)), lengths=((0, 1),), fill=False)

    def to_torch(self, t: TorchBuilder, input: TorchValue, *states: TorchValue) -> TorchResult:
        sequence, *starts = repeated_in_torch((input, *states))
        return self.lowered(t, [input, *starts], sequence, lambda output: output)

    def lowered(
        self, t: TorchBuilder, inputs: Sequence[TorchValue], sequence: Any, unpacked: Callable[[Any], Any], *,
        has_last: bool = True,
    ) -> TorchResult:  # fmt: skip
        """torch's module, called with `sequence`, whose output is `unpacked`."""
        input, *states = inputs
        names = ("h_n", "c_n")[: len(self.state_sizes())]
        given = tuple(self._first_axis(state) for state in states)
        start = (given if len(given) > 1 else given[0],) if given else ()
        return t.unpack(
            self._module(t, input),
            lambda own: own(sequence, *start),
            ("output", names if len(names) > 1 else names[0]),
            lambda output, *finals: (
                unpacked(output),
                *(each.transpose(0, 1) for each in finals),
                *((self._last(t, finals[0]),) if has_last else ()),
            ),
        )

    def owned_as(self, *inputs: TensorType) -> tuple[Op, tuple[int, ...]]:
        return self, ()  # it may start from given states in one place, and from zero in another

    def _module(self, t: TorchBuilder, input: TorchValue) -> Any:
        options = self.given("num_layers", "bias", "dropout", "bidirectional", "nonlinearity", "proj_size")
        if self.num_layers == 1:
            options.pop("dropout", None)  # it stands between layers; torch warns where there is no such place
        make = getattr(t.nn, self.torch_class)
        return make(input.shape[-1], self.hidden_size, **options, batch_first=True)

    def _first_axis(self, state: Any) -> Any:
        """[N, layers, hidden] -> [layers, N, hidden], which cuDNN wants contiguous."""
        turned = state.transpose(0, 1)
        return turned if self.num_layers * self.directions == 1 else turned.contiguous()

    def _last(self, t: TorchBuilder, state: Any) -> Any:
        return t.torch.cat([state[-2], state[-1]], dim=1) if self.bidirectional else state[-1]

    @abstractmethod
    def cell(self) -> Cell:
        """What it is called in ONNX, and what differs from torch."""

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> tuple[OnnxValue, ...]:
        *inputs, p = inputs_then_params
        return self.in_onnx(g, inputs, p, None)

    def in_onnx(
        self, g: OnnxBuilder, inputs: Sequence[OnnxValue], p: Any, lengths: OnnxValue | None
    ) -> tuple[OnnxValue, ...]:
        """The outputs in ONNX; `lengths` are int32."""
        input, *states = inputs
        return in_onnx(g, self.cell(), input, states, self.weights(input.type, p), lengths)

    def weights(self, input: TensorType, p: Any) -> list[list[Weights]]:
        """The initializers, by layer and direction."""
        found = [_weights(p, place.suffix) for place in self.places(input)]
        return [found[i : i + self.directions] for i in range(0, len(found), self.directions)]


def _weights(p: OnnxParams, suffix: str) -> Weights:
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    return tuple(getattr(p, f"{name}_{suffix}") for name in names)


def _shape(type: TensorType) -> str:
    return f"[{', '.join(map(str, type.shape))}]"


class Rnn(Recurrent):
    """Elman's recurrent layer, h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh); `nonlinearity: relu` for relu.

    input: (T, features), hx: (layers*directions, hidden_size), zero where it is left out -> sequence: (T,
    directions*hidden_size), h: as hx, after the last step, and last: (directions*hidden_size), the top layer's.
    Source: Elman 1990.
    """

    name = "rnn"
    output_names: ClassVar[tuple[str, ...]] = ("sequence", "h", "last")
    nonlinearity: Literal["tanh", "relu"] = "tanh"
    examples = [
        Example("rnn: 4", (5, 3)),
        Example("rnn: {hidden_size: 3, nonlinearity: relu, bias: false}", (4, 2), (1, 3)),
        Example("rnn: {hidden_size: 2, num_layers: 2, bidirectional: true, dropout: 0.5}", (3, 4), (4, 2)),
    ]
    gates = 1
    torch_class = "RNN"

    def infer(self, input: TensorType, hx: TensorType | None = None) -> tuple[TensorType, ...]:
        return self.typed(input, (hx,))

    def cell(self) -> Cell:
        return cell_of(self.nonlinearity, self.hidden_size)


class Gru(Recurrent):
    """Gated recurrent units as in cuDNN: the reset gate acts behind the recurrent product.

    r, z = sigmoid(...), n = tanh(W_in x + b_in + r * (W_hn h + b_hn)), h_t = (1 - z) * n + z * h_(t-1).
    input: (T, features), hx: (layers*directions, hidden_size), zero where it is left out -> sequence: (T,
    directions*hidden_size), h: as hx, after the last step, and last: (directions*hidden_size), the top layer's.
    Source: Cho et al. 2014, version 1.
    """

    name = "gru"
    output_names: ClassVar[tuple[str, ...]] = ("sequence", "h", "last")
    examples = [
        Example("gru: 4", (5, 3)),
        Example("gru: {hidden_size: 3, bias: false}", (4, 2), (1, 3)),
        Example("gru: {hidden_size: 2, num_layers: 2, bidirectional: true, dropout: 0.5}", (3, 4), (4, 2)),
    ]
    gates = 3
    torch_class = "GRU"

    def infer(self, input: TensorType, hx: TensorType | None = None) -> tuple[TensorType, ...]:
        return self.typed(input, (hx,))

    def cell(self) -> Cell:
        return cell_of("gru", self.hidden_size)


class Lstm(Recurrent):
    """Long short-term memory with a forget gate; `proj_size` maps the hidden state to so many features.

    i, f, g, o = W_ih x + b_ih + W_hh h + b_hh, c_t = sigmoid(f) * c_(t-1) + sigmoid(i) * tanh(g), h_t = sigmoid(o) *
    tanh(c_t). input: (T, features), h: (layers*directions, proj_size or hidden_size), c: (layers*directions,
    hidden_size), both zero where they are left out -> sequence: (T, directions*features of h), h and c after the last
    step, and last: (directions*features of h), the top layer's h.
    Source: Hochreiter and Schmidhuber 1997; Gers, Schmidhuber and Cummins 2000; Sak, Senior and Beaufays 2014.
    """

    name = "lstm"
    output_names: ClassVar[tuple[str, ...]] = ("sequence", "h", "c", "last")
    proj_size: NonNegativeInt = 0
    examples = [
        Example("lstm: 4", (5, 3)),
        Example("lstm: {hidden_size: 3, bias: false}", (4, 2), (1, 3), (1, 3)),
        Example("lstm: {hidden_size: 2, num_layers: 2, bidirectional: true, dropout: 0.5}", (3, 4), (4, 2), (4, 2)),
        Example("lstm: {hidden_size: 4, proj_size: 2, num_layers: 2, bidirectional: true}", (3, 4), (4, 2), (4, 4)),
        Example("lstm: {hidden_size: 4, proj_size: 3, bias: false}", (3, 2)),
    ]
    gates = 4
    torch_class = "LSTM"

    @property
    def output_size(self) -> int:
        return self.proj_size or self.hidden_size

    def state_sizes(self) -> tuple[int, ...]:
        return (self.output_size, self.hidden_size)

    def infer(
        self, input: TensorType, h: TensorType | None = None, c: TensorType | None = None
    ) -> tuple[TensorType, ...]:
        if self.proj_size >= self.hidden_size:
            raise OpError(f"proj_size {self.proj_size} is not below hidden_size {self.hidden_size}", attr="proj_size")
        if (h is None) != (c is None):
            raise OpError("lstm starts from both `h` and `c`, or from neither", code="wrong-inputs")
        return self.typed(input, (h, c))

    def cell(self) -> Cell:
        return cell_of("lstm", self.hidden_size, projection=self.proj_size)
