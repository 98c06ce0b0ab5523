"""One step of a recurrent layer, with its parameters. Not part of the language: `call: NAME.step` makes them."""

from collections.abc import Mapping
from typing import Any

from netspec.ir import Size, TensorType
from netspec.ops.base import Op, OpError, Param
from netspec.ops.broadcast import repeated_in_torch
from netspec.ops.lowering import OnnxBuilder, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, Reads
from netspec.ops.recurrent import Gru, Lstm, Recurrent, Rnn
from netspec.ops.recurrent_onnx import in_onnx


class Step(Recurrent):
    """Base: the layer on a sequence of one position.

    input: (features), states as the layer's -> what the layer gives there, its states.
    """

    call_suffix = ".step"

    def one(self, input: TensorType, *states: TensorType | None) -> tuple[TensorType, ...]:
        """The types of what it gives.

        Raises:
            OpError: the input is no vector; the layer runs backward too; a state has another shape.
        """
        if self.bidirectional:
            raise OpError(f"a step of {self.name} that runs backward would begin at the end", code="wrong-inputs")
        if input.rank != 1:
            raise OpError(f"a step of {self.name} reads [features], got {input}")
        sequence, *finals, _ = self.typed(input.with_shape(1, *input.shape), states)
        return sequence.with_shape(*sequence.shape[1:]), *finals

    def params(self, input: TensorType, *states: TensorType) -> Mapping[str, Param]:
        return super().params(_long(input), *states)

    def macs(self, input: TensorType, *states: TensorType) -> Size:
        return super().macs(_long(input), *states)

    def reads(self, dim: int, *inputs: TensorType) -> Reads:
        return ALL

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        return ALL, inputs[port].rank

    def explain(self, input: TensorType, *states: TensorType) -> str:
        return super().explain(_long(input), *states)

    def owned_as(self, *inputs: TensorType) -> tuple[Op, tuple[int, ...]]:
        kind = next(each for each in (Rnn, Gru, Lstm) if isinstance(self, each))
        return kind.model_validate(self.attributes()), ()

    def to_torch(self, t: TorchBuilder, input: TorchValue, *states: TorchValue) -> TorchResult:
        value, *starts = repeated_in_torch((input, *states))
        read = value.unsqueeze(1)
        return self.lowered(t, [input, *starts], read, lambda output: output.squeeze(1), has_last=False)

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> tuple[OnnxValue, ...]:
        input, *states, p = inputs_then_params
        weights = self.weights(_long(input.type), p)
        return in_onnx(g, self.cell(), input, states, weights, is_single=True)[:-1]


def _long(input: TensorType) -> TensorType:
    return input.with_shape(1, *input.shape)


class RnnStep(Step, Rnn):
    """A step of `rnn`.   input: (features), hx: (layers, hidden_size) -> (hidden_size), h: as hx."""

    output_names = ("output", "h")

    def infer(self, input: TensorType, hx: TensorType | None = None) -> tuple[TensorType, ...]:
        return self.one(input, hx)


class GruStep(Step, Gru):
    """A step of `gru`.   input: (features), hx: (layers, hidden_size) -> (hidden_size), h: as hx."""

    output_names = ("output", "h")

    def infer(self, input: TensorType, hx: TensorType | None = None) -> tuple[TensorType, ...]:
        return self.one(input, hx)


class LstmStep(Step, Lstm):
    """A step of `lstm`.   input: (features), h, c: as the layer's -> (features of h), h, c."""

    output_names = ("output", "h", "c")

    def infer(
        self, input: TensorType, h: TensorType | None = None, c: TensorType | None = None
    ) -> tuple[TensorType, ...]:
        if (h is None) != (c is None):
            raise OpError("a step of lstm starts from both `h` and `c`, or from neither", code="wrong-inputs")
        return self.one(input, h, c)


STEPS: Mapping[str, type[Step]] = {"rnn": RnnStep, "gru": GruStep, "lstm": LstmStep}
