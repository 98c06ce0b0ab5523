"""Recurrent layers that end at each sample's last valid step; the pass `masks` puts them in the place of plain ones."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from netspec.ir import DType, Size, TensorType
from netspec.ops.base import Param
from netspec.ops.broadcast import repeated_in_torch
from netspec.ops.lowering import OnnxBuilder, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import NEW, Reads
from netspec.ops.recurrent import Gru, Lstm, Recurrent, Rnn


class ToValid(Recurrent):
    """Base: the last port is lengths. The backward direction begins at a sample's last valid step."""

    def infer(self, *inputs: Any) -> tuple[TensorType, ...]:
        return cast(tuple[TensorType, ...], super().infer(*inputs[:-1]))

    def params(self, *inputs: TensorType) -> Mapping[str, Param]:
        return super().params(*inputs[:-1])

    def macs(self, *inputs: TensorType) -> Size:
        return super().macs(*inputs[:-1])

    def explain(self, *inputs: TensorType) -> str:
        return super().explain(*inputs[:-1])

    def reads(self, dim: int, *inputs: TensorType) -> Reads:
        return super().reads(dim, *inputs[:-1])

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        return (NEW, None) if port == len(inputs) - 1 else super().reads_of(port, dim, *inputs)

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, *inputs: TorchValue) -> TorchResult:
        *read, lengths = inputs
        rnn, (sequence, *starts) = t.torch.nn.utils.rnn, repeated_in_torch(read)
        # Packing wants lengths on the CPU.
        options = {"batch_first": True, "enforce_sorted": False}
        packed = rnn.pack_padded_sequence(sequence, cast(Any, lengths).cpu(), **options)
        size = {"batch_first": True, "total_length": sequence.size(1)}
        return self.lowered(t, [sequence, *starts], packed, lambda output: rnn.pad_packed_sequence(output, **size)[0])

    def to_onnx(self, g: OnnxBuilder, *inputs_then_params: Any) -> tuple[OnnxValue, ...]:
        *inputs, lengths, p = inputs_then_params
        return self.in_onnx(g, inputs, p, g.cast(lengths, DType.INT32))


class RnnToValid(ToValid, Rnn):
    """`rnn` with lengths.   input, hx, lengths -> as without."""

    name: ClassVar[str] = "rnn_to_valid"


class GruToValid(ToValid, Gru):
    """`gru` with lengths.   input, hx, lengths -> as without."""

    name: ClassVar[str] = "gru_to_valid"


class LstmToValid(ToValid, Lstm):
    """`lstm` with lengths.   input, h, c, lengths -> as without."""

    name: ClassVar[str] = "lstm_to_valid"


TO_VALID: dict[str, type[ToValid]] = {"rnn": RnnToValid, "gru": GruToValid, "lstm": LstmToValid}
