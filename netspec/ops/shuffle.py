"""Ops that exchange channels among each other, or with positions."""

from netspec.ir import Sizes, TensorType
from netspec.ops.attributes import PositiveInt
from netspec.ops.base import Example, Main, Op, OpError
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, POINTWISE, Reads, Window


class ChannelShuffle(Op):
    """Channels in `groups` groups, taken in turn: the first of each group, then the second of each, ...

    input: (channels, *space) -> the same.   Source: Zhang et al. 2018 (ShuffleNet).
    """

    name = "channel_shuffle"
    groups: PositiveInt = Main()
    examples = [Example("channel_shuffle: 2", (6, 4, 3)), Example("channel_shuffle: 3", (6, 5))]

    def infer(self, input: TensorType) -> TensorType:
        if input.rank < 2:
            raise OpError(f"channel_shuffle needs [channels, *space], got {list(input.shape)}")
        if input.shape[0] % self.groups:
            raise OpError(f"{input.shape[0]} channels are not divisible by groups {self.groups}", attr="groups")
        return input

    def reads(self, dim: int, input: TensorType) -> Reads:
        in_order = self.groups in (1, input.shape[0])
        return ALL if dim == 1 and not in_order else POINTWISE

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.nn.ChannelShuffle(self.groups)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        grouped = g.Reshape(input, g.sizes([0, self.groups, input.shape[0] // self.groups, -1], input))
        return g.Reshape(g.Transpose(grouped, perm=[0, 2, 1, 3]), g.sizes([0, *input.shape], input))


class PixelShuffle(Op):
    """Channels become positions: r*r channels a block of r*r positions.

    input: (channels*r*r, height, width) -> (channels, height*r, width*r).   Source: Shi et al. 2016.
    """

    name = "pixel_shuffle"
    upscale_factor: PositiveInt = Main()
    examples = [Example("pixel_shuffle: 2", (8, 3, 2)), Example("pixel_shuffle: 3", (9, 2, 2))]

    def infer(self, input: TensorType) -> TensorType:
        factor = self.upscale_factor
        channels, height, width = _image(self.name, input)
        if channels % (factor * factor):
            message = f"{channels} channels are not divisible by upscale_factor {factor} squared"
            raise OpError(message, attr="upscale_factor")
        return input.with_shape(channels // (factor * factor), height * factor, width * factor)

    def reads(self, dim: int, input: TensorType) -> Reads:
        factor = self.upscale_factor
        if factor == 1:
            return POINTWISE
        return Window(factor * factor, 0, factor * factor - 1) if dim == 1 else ALL

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.nn.PixelShuffle(self.upscale_factor)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        return g.DepthToSpace(input, blocksize=self.upscale_factor, mode="CRD")


class PixelUnshuffle(Op):
    """Positions become channels: a block of r*r positions r*r channels.

    input: (channels, height*r, width*r) -> (channels*r*r, height, width).
    """

    name = "pixel_unshuffle"
    downscale_factor: PositiveInt = Main()
    examples = [Example("pixel_unshuffle: 2", (2, 6, 4)), Example("pixel_unshuffle: 3", (1, 3, 6))]

    def infer(self, input: TensorType) -> TensorType:
        factor = self.downscale_factor
        channels, height, width = _image(self.name, input)
        if height % factor or width % factor:
            message = f"({height}, {width}) is not divisible by downscale_factor {factor}"
            raise OpError(message, attr="downscale_factor")
        return input.with_shape(channels * factor * factor, height // factor, width // factor)

    def reads(self, dim: int, input: TensorType) -> Reads:
        factor = self.downscale_factor
        if factor == 1:
            return POINTWISE
        return ALL if dim == 1 else Window(factor, 0, factor - 1)

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        return t.nn.PixelUnshuffle(self.downscale_factor)

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        # SpaceToDepth puts the offset in front of the channel; torch the channel in front of the offset.
        factor = self.downscale_factor
        channels, height, width = self.infer(input.type).shape
        blocks = g.Reshape(input, g.sizes([0, input.shape[0], height, factor, width, factor], input))
        return g.Reshape(g.Transpose(blocks, perm=[0, 1, 3, 5, 2, 4]), g.sizes([0, channels, height, width], input))


def _image(name: str, input: TensorType) -> Sizes:
    if input.rank != 3:
        raise OpError(f"{name} needs [channels, height, width], got {list(input.shape)}")
    return input.shape
