"""Normalisation."""

from collections.abc import Mapping
from typing import Literal

from netspec.ir import DType, TensorType
from netspec.ops.attributes import Float, OptionalProbability, PositiveFloat, PositiveInt
from netspec.ops.base import Example, Main, Masked, Op, OpError, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, POINTWISE, Reads, Window
from netspec.ops.sizes import known


class ChannelNorm(Op):
    """Base of the norms over channels, the first axis of a sample, with a learned scale and shift for each."""

    affine: bool = True

    def channels(self, input: TensorType) -> int:
        """Number of channels.

        Raises:
            OpError: the input is one number a sample; the number of its channels is not known.
        """
        if input.rank == 0:
            raise OpError(f"{self.name} needs an axis of channels; the input is one number a sample")
        return known(input.shape[0], f"the number of channels of {self.name}")

    def infer(self, input: TensorType) -> TensorType:
        self.channels(input)
        return input

    def params(self, input: TensorType) -> Mapping[str, Param]:
        shape = (self.channels(input),)
        return {name: Param(shape, dtype=input.dtype) for name in ("weight", "bias") if self.affine}

    def explain(self, input: TensorType) -> str | None:
        return f"2 * {self.channels(input)}" if self.affine else None


class BatchNorm(ChannelNorm):
    """Each channel made mean 0 and variance 1 over the batch and the space axes, then scaled and shifted.

    input: (channels, *space) -> the same, with up to three space axes. In evaluation the running statistics take the
    batch's place; `momentum` null makes them plain averages over all batches. Source: Ioffe and Szegedy 2015.
    """

    name = "batch_norm"
    train_differs = True
    eps: PositiveFloat = 1e-5
    momentum: OptionalProbability = 0.1
    # Without running statistics a sample's result would depend on its batch in evaluation too.
    track_running_stats: Literal[True] = True
    examples = [
        Example("batch_norm", (3, 5, 4)),
        Example("batch_norm: {eps: 0.01, momentum: 0.5}", (6,)),
        Example("batch_norm: {affine: false}", (4, 7)),
        Example("batch_norm: {momentum: null}", (2, 3, 2, 3)),
    ]

    def infer(self, input: TensorType) -> TensorType:
        if input.rank > 4:
            raise OpError(f"batch_norm takes [channels, *space] with up to three space axes, got {list(input.shape)}")
        return super().infer(input)

    def params(self, input: TensorType) -> Mapping[str, Param]:
        shape = (self.channels(input),)
        statistics = {name: Param(shape, buffer=True, dtype=input.dtype) for name in ("running_mean", "running_var")}
        return {**super().params(input), **statistics, "num_batches_tracked": Param((), buffer=True, dtype=DType.INT64)}

    def masked(self, input: TensorType) -> Masked | None:
        from netspec.ops.of_valid import BatchNormOfValid

        masks = tuple((0, axis) for axis in sorted(input.valid))
        op = BatchNormOfValid.model_construct(axes=tuple(axis for _, axis in masks), **dict(self))
        return Masked(op, masks=masks) if masks else None

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        build = getattr(t.nn, f"BatchNorm{max(1, input.type.rank - 1)}d")
        return build(input.shape[0], **self.given("eps", "momentum", "affine"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        weight, bias = (p.weight, p.bias) if self.affine else _unit_affine(g, input, self.channels(input.type))
        return g.BatchNormalization(input, weight, bias, p.running_mean, p.running_var, epsilon=self.eps)


class GroupNorm(ChannelNorm):
    """Groups of channels made mean 0 and variance 1 within each sample, then scaled and shifted by channel.

    input: (channels, *) -> the same. Source: Wu and He 2018.
    """

    name = "group_norm"
    num_groups: PositiveInt = Main()
    eps: PositiveFloat = 1e-5
    examples = [
        Example("group_norm: 2", (4, 5, 3)),
        Example("group_norm: {num_groups: 3, eps: 0.1}", (6,)),
        Example("group_norm: {num_groups: 1, affine: false}", (3, 4)),
    ]

    def infer(self, input: TensorType) -> TensorType:
        channels = self.channels(input)
        if channels % self.num_groups:
            raise OpError(f"{channels} channels are not divisible by num_groups {self.num_groups}", attr="num_groups")
        return input

    def reads(self, dim: int, input: TensorType) -> Reads:
        return ALL

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.nn.GroupNorm(self.num_groups, input.shape[0], **self.given("eps", "affine"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        # GroupNormalization scales by channel only from opset 21 on.
        weight, bias = _unit_affine(g, input, self.num_groups)
        grouped = g.Reshape(input, g.ints([0, self.num_groups, -1]))
        normal = g.InstanceNormalization(grouped, weight, bias, epsilon=self.eps)
        result = g.Reshape(normal, g.sizes([0, *input.shape], input))
        if self.affine:
            per_channel = g.ints([self.channels(input.type)] + [1] * (input.type.rank - 1))
            result = g.Add(g.Mul(result, g.Reshape(p.weight, per_channel)), g.Reshape(p.bias, per_channel))
        return result


class InstanceNorm(ChannelNorm):
    """Each channel made mean 0 and variance 1 over the space axes of each sample; with `affine` scaled and shifted.

    input: (channels, *space) with one to three space axes -> the same.   Source: Ulyanov et al. 2016.
    """

    name = "instance_norm"
    eps: PositiveFloat = 1e-5
    affine: bool = False
    examples = [
        Example("instance_norm", (3, 4, 5)),
        Example("instance_norm: {affine: true, eps: 0.01}", (2, 6)),
        Example("instance_norm", (2, 2, 3, 2)),
    ]

    def infer(self, input: TensorType) -> TensorType:
        if not 2 <= input.rank <= 4:
            shape = list(input.shape)
            raise OpError(f"instance_norm needs [channels, *space] with one to three space axes, got {shape}")
        self.channels(input)
        if all(size == 1 for size in input.shape[1:]):
            raise OpError(f"instance_norm needs more than one position to normalise, got {list(input.shape)}")
        return input

    def reads(self, dim: int, input: TensorType) -> Reads:
        return POINTWISE if dim == 1 else ALL

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        build = getattr(t.nn, f"InstanceNorm{input.type.rank - 1}d")
        return build(input.shape[0], **self.given("eps", "affine"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        weight, bias = (p.weight, p.bias) if self.affine else _unit_affine(g, input, self.channels(input.type))
        return g.InstanceNormalization(input, weight, bias, epsilon=self.eps)


class LocalResponseNorm(Op):
    """Each element divided by (k + alpha * mean of squares over `size` neighbouring channels)^beta.

    input: (channels, *) -> the same, with one axis or more after the channels. `alpha` stands before the mean, as in
    PyTorch; the paper's stands before the sum. Source: Krizhevsky et al. 2012, section 3.3.
    """

    name = "local_response_norm"
    size: PositiveInt = Main()
    alpha: Float = 1e-4
    beta: Float = 0.75
    k: Float = 1.0
    examples = [
        Example("local_response_norm: 5", (7, 4, 3)),
        Example("local_response_norm: {size: 4, alpha: 0.5, beta: 0.5, k: 2}", (6, 3)),
        Example("local_response_norm: {size: 2, alpha: 1}", (3, 2, 2, 2)),
    ]

    def infer(self, input: TensorType) -> TensorType:
        if input.rank < 2:
            raise OpError(f"local_response_norm needs [channels, *] with one axis more, got {list(input.shape)}")
        return input

    def reads(self, dim: int, input: TensorType) -> Reads:
        return Window(1, -(self.size // 2), (self.size - 1) // 2) if dim == 1 else POINTWISE

    def filler(self, port: int, input: TensorType) -> float:
        return 0.0

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.nn.LocalResponseNorm(self.size, **self.given("alpha", "beta", "k"))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        # LRN leans to the other side where `size` is even; ONNX Runtime wants two space axes and positive numbers.
        if self.size % 2 == 1 and input.type.rank == 3 and min(self.alpha, self.beta) > 0:
            return g.LRN(input, size=self.size, alpha=self.alpha, beta=self.beta, bias=self.k)
        squares = g.Reshape(g.Mul(input, input), g.sizes([0, 1, input.shape[0], -1], input))
        pads = [self.size // 2, 0, (self.size - 1) // 2, 0]
        means = g.AveragePool(squares, kernel_shape=[self.size, 1], pads=pads, count_include_pad=1)
        scaled = g.Mul(g.Reshape(means, g.sizes([0, *input.shape], input)), g.scalar(self.alpha, like=input))
        base = g.Add(scaled, g.scalar(self.k, like=input))
        return g.Div(input, g.Pow(base, g.scalar(self.beta, like=input)))


def _unit_affine(g: OnnxBuilder, like: OnnxValue, size: int) -> tuple[OnnxValue, OnnxValue]:
    """Scales of one and shifts of zero, where an operator wants them and there are none."""
    return g.CastLike(g.ints([1] * size), like), g.CastLike(g.ints([0] * size), like)
