"""Ops that read lengths or masks beside their inputs, in the place of plain ones where filling does not suffice.

They are not part of the language: the pass `masks` puts them in. Ports after the op's own are lengths or masks.
"""

from functools import reduce
from typing import Any, ClassVar

from netspec.ir import DType, TensorType
from netspec.ops.attributes import NormalizedAxes
from netspec.ops.base import ANY_DTYPE, Masked, Op
from netspec.ops.cut import Select
from netspec.ops.lowering import OnnxBuilder, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.masked import aligned, onnx_aligned, positions
from netspec.ops.norm import BatchNorm
from netspec.ops.reads import NEW, POINTWISE, REVERSE, Reads
from netspec.ops.reduce import Mean


class MeanOfValid(Mean):
    """The mean over axes, of which `valid` have lengths, of an input that is filled with zeros.

    input: (*), lengths: one for each of `valid` -> (*) without those axes.
    """

    name: ClassVar[str] = "mean_of_valid"
    valid: tuple[int, ...]

    def infer(self, input: TensorType, *lengths: TensorType) -> TensorType:
        return super().infer(input)

    def reads(self, dim: int, input: TensorType, *lengths: TensorType) -> Reads:
        return super().reads(dim, input)

    def source(self, dim: int, input: TensorType, *lengths: TensorType) -> int | None:
        return super().source(dim, input)

    def filler(self, port: int, input: TensorType, *lengths: TensorType) -> float:
        return 0.0

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, input: TorchValue, *lengths: TorchValue) -> TorchResult:
        rank, axes = input.type.rank, self.axes(input.type)
        found = input.sum(self.valid, keepdim=True)
        for length in lengths:
            found = found / length[(slice(None), *(None,) * rank)]
        others = tuple(axis for axis in axes if axis not in self.valid)
        found = found.mean(others, keepdim=True) if others else found
        return found if self.keepdim else found.squeeze(axes)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, *lengths_then_params: Any) -> OnnxValue:
        *lengths, _ = lengths_then_params
        rank, axes = input.type.rank, self.axes(input.type)
        found = g.ReduceSum(input, g.ints(self.valid), keepdims=1)
        for length in lengths:
            found = g.Div(found, g.CastLike(g.Unsqueeze(length, g.ints(range(1, rank + 1))), input))
        others = [axis for axis in axes if axis not in self.valid]
        found = g.ReduceMean(found, g.ints(others), keepdims=1) if others else found
        return found if self.keepdim else g.Squeeze(found, g.ints(axes))


def mean_of_valid(input: TensorType, axes: tuple[int, ...], keepdim: bool) -> Masked | None:
    """The mean over axes, where some of them have lengths."""
    valid = tuple(axis for axis in axes if axis in input.valid)
    op = MeanOfValid(dim=axes, keepdim=keepdim, valid=valid)
    return Masked(op, lengths=tuple((0, axis) for axis in valid)) if valid else None


class FlipValid(Op):
    """Axes in reverse; along those with lengths the valid part only.

    input: (*), lengths: one for each such axis -> the same.
    """

    name: ClassVar[str] = "flip_valid"
    dtypes = ANY_DTYPE
    moves_only = True
    dims: NormalizedAxes

    def infer(self, input: TensorType, *lengths: TensorType) -> TensorType:
        return input

    def below(self, input: TensorType, *lengths: TensorType) -> int | None:
        return input.below

    def reads_of(self, port: int, dim: int, *inputs: TensorType) -> tuple[Reads, int | None]:
        if port > 0:
            return NEW, None
        assert isinstance(self.dims, tuple)
        return (REVERSE if dim in self.dims else POINTWISE), dim

    def filler(self, port: int, *inputs: TensorType) -> float:
        return 0

    def valid(self, input: TensorType) -> tuple[list[int], list[int]]:
        """The axes with lengths, and the others."""
        assert isinstance(self.dims, tuple)
        axes = [axis for axis in self.dims if isinstance(axis, int)]
        return [axis for axis in axes if axis in input.valid], [axis for axis in axes if axis not in input.valid]

    def to_torch(self, t: TorchBuilder, input: TorchValue, *lengths: TorchValue) -> TorchResult:
        valid, others = self.valid(input.type)
        found: Any = input.flip(tuple(others)) if others else input
        for axis, length in zip(valid, lengths, strict=True):
            size = input.size(axis)
            # Behind the last valid position the padding follows, backward too.
            places = t.torch.remainder(length[:, None] - 1 - t.torch.arange(size, device=input.device), size)
            found = t.torch.take_along_dim(found, aligned(places, axis, input.type.rank), axis)
        return found

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, *lengths_then_params: Any) -> OnnxValue:
        *lengths, _ = lengths_then_params
        valid, others = self.valid(input.type)
        found, count = input, len(others)
        if others:
            ends = g.ints([-1] * count), g.ints([-(2**63) + 1] * count)
            found = g.Slice(input, *ends, g.ints(others), g.ints([-1] * count))
        for axis, length in zip(valid, lengths, strict=True):
            last = g.Sub(g.Unsqueeze(length, g.ints([1])), g.ints([1]))
            places = g.Mod(g.Sub(last, positions(g, input, axis)), g.Shape(input, start=axis, end=axis + 1))
            found = _taken(g, input, found, onnx_aligned(g, places, axis, input.type.rank), axis)
        return found


class SelectValid(Select):
    """The position so far from a sample's last one.   input: (*, T, *), length: int64 () -> (*, *)."""

    name: ClassVar[str] = "select_valid"

    def infer(self, input: TensorType, *length: TensorType) -> TensorType:
        return super().infer(input)

    def source(self, dim: int, input: TensorType, *length: TensorType) -> int | None:
        return super().source(dim, input)

    def filler(self, port: int, *inputs: TensorType) -> float:
        return 0

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, input: TorchValue, *lengths: TorchValue) -> TorchResult:
        [length], axis, rank = lengths, self.axis(input.type), input.type.rank
        place = (length - -self.index)[(slice(None), *(None,) * rank)]
        return t.torch.take_along_dim(input, place, axis).squeeze(axis)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, *lengths_then_params: Any) -> OnnxValue:
        length, axis, rank = lengths_then_params[0], self.axis(input.type), input.type.rank
        place = g.Unsqueeze(g.Add(length, g.ints([self.index])), g.ints(range(1, rank + 1)))
        ones = g.constant([1], DType.INT64)
        shape = g.Concat(g.Shape(input, start=0, end=axis), ones, g.Shape(input, start=axis + 1), axis=0)
        return g.Squeeze(g.GatherElements(input, g.Expand(place, shape), axis=axis), g.ints([axis]))


class BatchNormOfValid(BatchNorm):
    """Batch normalisation whose statistics leave padding out.

    input: (channels, *space), masks: one for each of `axes` -> the same. While training the valid positions are
    gathered, normalised as samples of their own, and put back.
    """

    name: ClassVar[str] = "batch_norm_of_valid"
    axes: tuple[int, ...]

    def infer(self, input: TensorType, *masks: TensorType) -> TensorType:
        return super().infer(input)

    def params(self, input: TensorType, *masks: TensorType) -> Any:
        return super().params(input)

    def explain(self, input: TensorType, *masks: TensorType) -> str | None:
        return super().explain(input)

    def masked(self, *inputs: TensorType) -> None:
        return None

    def to_torch(self, t: TorchBuilder, input: TorchValue, *masks: TorchValue) -> TorchResult:
        space = input.type.rank - 1
        last = input.movedim(1, -1)
        # Without the channels the axes stand one further left.
        found = [aligned(mask, axis - 1, space) for axis, mask in zip(self.axes, masks, strict=True)]
        chosen = reduce(t.torch.logical_and, found).expand(last.shape[slice(None, -1)])

        def use(own: Any) -> TorchResult:
            rows = last[chosen]
            like_maps = (slice(None), slice(None), *(None,) * (space - 1))
            normal = own(rows[like_maps]).flatten(1) if space > 1 else own(rows)
            put_back = last.masked_scatter(chosen.unsqueeze(-1), normal).movedim(-1, 1)
            return t.choose(own.training, put_back, own(input))

        return t.module(super().to_torch(t, input), use)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, *masks_then_params: Any) -> OnnxValue:
        return super().to_onnx(g, input, masks_then_params[-1])


def _taken(g: OnnxBuilder, input: OnnxValue, value: OnnxValue, places: OnnxValue, axis: int) -> OnnxValue:
    """The elements of a value of the input's shape at places along an axis."""
    return g.GatherElements(value, g.Expand(places, g.Shape(input)), axis=axis)
