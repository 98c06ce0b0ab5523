"""Normalisation over axes of each sample by itself."""

from collections.abc import Callable, Mapping
from typing import Any

from netspec.ir import TensorType
from netspec.ops.attributes import NormalizedAxes, OptionalPositiveFloat, PositiveFloat
from netspec.ops.axes import resolve_axes
from netspec.ops.base import Example, Main, Op, Param
from netspec.ops.lowering import OnnxBuilder, OnnxParams, OnnxValue, TorchBuilder, TorchResult, TorchValue
from netspec.ops.reads import ALL, POINTWISE, Reads
from netspec.ops.sizes import known

# torch.finfo(dtype).eps, what RMSNorm takes where none is given.
_EPS = {"float32": 2.0**-23, "float64": 2.0**-52, "float16": 2.0**-10, "bfloat16": 2.0**-7}


class AxisNorm(Op):
    """Base of the norms over some axes of a sample, whose sizes are torch's `normalized_shape`.

    torch normalises the last axes; others are moved there and back, which is what people do by hand for feature maps.
    """

    dim: NormalizedAxes = Main(-1)
    elementwise_affine: bool = True

    def axes(self, input: TensorType) -> tuple[int, ...]:
        """The axes that are normalised, in order.

        Raises:
            OpError: one is not there, or named twice.
        """
        return resolve_axes("dim", self.dim, input.shape)

    def sizes(self, input: TensorType) -> tuple[int, ...]:
        """Their sizes: the shape of the weight."""
        sizes = (input.shape[axis - 1] for axis in self.axes(input))
        return tuple(known(size, f"a size that {self.name} normalises") for size in sizes)

    def infer(self, input: TensorType) -> TensorType:
        self.sizes(input)
        return input

    def names(self) -> tuple[str, ...]:
        """Names of its parameters."""
        return ("weight",) if self.elementwise_affine else ()

    def params(self, input: TensorType) -> Mapping[str, Param]:
        return {name: Param(self.sizes(input), dtype=input.dtype) for name in self.names()}

    def reads(self, dim: int, input: TensorType) -> Reads:
        return ALL if dim in self.axes(input) else POINTWISE

    def explain(self, input: TensorType) -> str | None:
        factors = ([len(self.names())] if len(self.names()) > 1 else []) + [*self.sizes(input)]
        return " * ".join(map(str, factors)) if self.names() else None

    def permutation(self, input: TensorType) -> tuple[list[int], list[int]] | None:
        """How the axes come to the end, and back; None where they stand there."""
        there = [axis for axis in range(input.rank + 1) if axis not in self.axes(input)] + [*self.axes(input)]
        back = [there.index(axis) for axis in range(input.rank + 1)]
        return None if there == sorted(there) else (there, back)

    def lowered(self, t: TorchBuilder, input: TorchValue, module: Any) -> TorchResult:
        """The module, between two permutations where the axes are not the last ones."""
        moved = self.permutation(input.type)
        if moved is None:
            return module
        there, back = moved
        return t.module(module, lambda own: own(input.permute(*there)).permute(*back))

    def moved(self, g: OnnxBuilder, input: OnnxValue, compute: Callable[[OnnxValue], OnnxValue]) -> OnnxValue:
        """The same in ONNX, around `compute`."""
        moved = self.permutation(input.type)
        if moved is None:
            return compute(input)
        return g.Transpose(compute(g.Transpose(input, perm=moved[0])), perm=moved[1])


class LayerNorm(AxisNorm):
    """The named axes, by default the last, made mean 0 and variance 1 within each sample, then scaled and shifted.

    input: (*) -> the same. `layer_norm: {dim: 1}` normalises the channels of a feature map at each position.
    Source: Ba et al. 2016; over channels as in Liu et al. 2022 (ConvNeXt).
    """

    name = "layer_norm"
    eps: PositiveFloat = 1e-5
    bias: bool = True
    examples = [
        Example("layer_norm", (5, 6)),
        Example("layer_norm: 1", (6, 4, 3)),
        Example("layer_norm: {dim: [1, -1], eps: 0.01}", (3, 4, 2)),
        Example("layer_norm: {dim: [1, 2, 3], bias: false}", (2, 3, 4)),
        Example("layer_norm: {elementwise_affine: false}", (7,)),
    ]

    def names(self) -> tuple[str, ...]:
        if not self.elementwise_affine:
            return ()
        return ("weight", "bias") if self.bias else ("weight",)

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        options = self.given("eps", "elementwise_affine", "bias")
        return self.lowered(t, input, t.nn.LayerNorm(_one_or_all(self.sizes(input.type)), **options))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        sizes = self.sizes(input.type)
        weight = p.weight if self.elementwise_affine else g.Expand(g.scalar(1, like=input), g.ints(sizes))
        return self.moved(
            g, input, lambda x: g.LayerNormalization(x, weight, p.bias, axis=-len(sizes), epsilon=self.eps)
        )


class RmsNorm(AxisNorm):
    """The named axes, by default the last, divided by the root of their mean square, then scaled.

    input: (*) -> the same. `eps` left out is the element type's precision, 2^-23 for float32.
    Source: Zhang and Sennrich 2019.
    """

    name = "rms_norm"
    eps: OptionalPositiveFloat = None
    examples = [
        Example("rms_norm", (5, 6)),
        Example("rms_norm: {dim: 1, eps: 0.01}", (6, 4)),
        Example("rms_norm: {elementwise_affine: false}", (7,)),
    ]

    def to_torch(self, t: TorchBuilder, input: TorchValue) -> TorchResult:
        options = self.given("eps", "elementwise_affine")
        return self.lowered(t, input, t.nn.RMSNorm(_one_or_all(self.sizes(input.type)), **options))

    def to_onnx(self, g: OnnxBuilder, input: OnnxValue, p: OnnxParams) -> OnnxValue:
        last = g.ints(range(-len(self.axes(input.type)), 0))
        eps = g.scalar(_EPS[input.type.dtype] if self.eps is None else self.eps, like=input)

        def normalize(x: OnnxValue) -> OnnxValue:
            mean_square = g.ReduceMean(g.Mul(x, x), last, keepdims=1)
            normal = g.Div(x, g.Sqrt(g.Add(mean_square, eps)))
            return g.Mul(normal, p.weight) if self.elementwise_affine else normal

        return self.moved(g, input, normalize)


def _one_or_all(sizes: tuple[int, ...]) -> int | tuple[int, ...]:
    """One size as people write it: `nn.LayerNorm(768)`."""
    return sizes[0] if len(sizes) == 1 else sizes
