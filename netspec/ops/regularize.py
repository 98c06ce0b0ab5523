"""Dropout and its kin: noise while training, the identity in evaluation and in exported models."""

from typing import ClassVar, Literal

from netspec.ir import TensorType
from netspec.ops.attributes import Probability
from netspec.ops.base import Example, Main, Op, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.sliding import SpaceOp


class Noise(Op):
    """Base of the dropouts."""

    train_differs = True
    torch_class: ClassVar[str]

    p: Probability = Main(0.5)

    def infer(self, input: TensorType) -> TensorType:
        return input

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return getattr(t.nn, self.torch_class)(self.p)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.Identity(input)


class Dropout(Noise):
    """Each element zero with probability p, the others times 1/(1 - p).

    input: (*) -> (*).   Source: Srivastava et al. 2014.
    """

    name = "dropout"
    torch_class = "Dropout"
    examples = [Example("dropout", (3, 4)), Example("dropout: 0.2", (5,))]


class MaskNoise(Noise):
    """Each element zero with probability p, the others as they are: the noise of denoising autoencoders.

    input: (*) -> (*).   Source: Vincent et al. 2008.
    """

    name = "mask_noise"
    p: Probability = Main()
    examples = [Example("mask_noise: 0.3", (3, 4)), Example("mask_noise: 1", (5,))]

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        """Dropout of ones says which elements stay."""
        ones = t.torch.ones_like(input)
        return t.module(t.nn.Dropout(self.p), lambda own: t.choose(own.training, input * own(ones).sign(), input))


class AlphaDropout(Noise):
    """Dropout to selu's lowest value, scaled so that mean and variance stay.

    input: (*) -> (*).   Source: Klambauer et al. 2017.
    """

    name = "alpha_dropout"
    torch_class = "AlphaDropout"
    examples = [Example("alpha_dropout: 0.1", (3, 4))]


class FeatureDropout(Noise, SpaceOp):
    """Whole channels zero with probability p: torch.nn's Dropout1d, 2d or 3d by the input, torch.feature_dropout.

    input: (channels, *space) with one to three space axes -> the same.   Source: Tompson et al. 2015.
    """

    name = "feature_dropout"
    examples = [
        Example("feature_dropout", (3, 4, 4)),
        Example("feature_dropout: 0.2", (3, 4)),
        Example("feature_dropout: 1", (2, 2, 3, 2)),
    ]

    def infer(self, input: TensorType) -> TensorType:
        self.space(input)
        return input

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return self.by_rank(t, "Dropout", input.type)(self.p)


class FeatureAlphaDropout(Noise):
    """Alpha dropout of whole channels.   input: (channels, *) -> the same."""

    name = "feature_alpha_dropout"
    torch_class = "FeatureAlphaDropout"
    examples = [Example("feature_alpha_dropout: 0.1", (3, 4, 4)), Example("feature_alpha_dropout", (5,))]

    def infer(self, input: TensorType) -> TensorType:
        if input.rank == 0:
            raise OpError(f"{self.name} needs an axis of channels; the input is one number a sample")
        return input


class StochasticDepth(Noise):
    """The whole sample (`row`), or the whole batch, zero with probability p, otherwise times 1/(1 - p).

    input: (*) -> (*), on a residual branch before it is added.   Source: Huang et al. 2016; as torchvision has it.
    """

    name = "stochastic_depth"
    mode: Literal["row", "batch"] = "row"
    examples = [
        Example("stochastic_depth: 0.2", (3, 4, 4)),
        Example("stochastic_depth: {p: 0.1, mode: batch}", (5,)),
    ]

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        """Dropout of one number a sample, or of one; the input itself in evaluation."""
        batch = input.size(0) if self.mode == "row" else 1
        ones = input.new_ones(batch, *(1,) * input.type.rank)
        return t.module(t.nn.Dropout(self.p), lambda own: t.choose(own.training, input * own(ones), input))
