"""Preprocessing inside of the exported file, computed exactly as Pillow and the training do. Imports no numpy.

Pillow resizes images of bytes in whole numbers: weights of each output pixel in 22 bits, one pass along the width and
one along the height, each rounded to bytes. (ONNX's Resize computes something else: bytes come out up to 20 apart.)
Here the weights are computed from the sizes and applied as two products in float64, which holds all sums exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from netspec.data.preprocess import Step, split
from netspec.ir import DType, Sizes, TensorType, symbol
from netspec.ops.lowering import OnnxBuilder, OnnxValue

#: Pillow's src/libImaging/Resample.c: PRECISION_BITS of its coefficients.
BITS = 22
#: Pillow's L24: luma in 16 bits.
LUMA = (19595, 38470, 7471)

RESIZING = frozenset({"resize", "center_crop"})


def refusal(steps: Sequence[Step]) -> str | None:
    """Why steps cannot go into a file exactly; None if they can."""
    for step in split(steps)[0]:
        if step.name not in _STEPS:
            return f"the step `{step.name}` cannot be computed exactly inside of an ONNX file"
        if step.name == "resize" and _attribute(step, "interpolation") not in _FILTERS:
            return f"`resize` by {_attribute(step, 'interpolation')} cannot be computed exactly inside of an ONNX file"
    return None


def stored_type(name: str, steps: Sequence[Step], input: TensorType, dtype: DType = DType.UINT8) -> TensorType:
    """What the file takes in place of an input whose steps are inside.

    Args:
        name: The input's name; free sizes of images are called after it.
        steps: Its steps.
        input: What the network takes.
        dtype: Of a stored sample.
    """
    names = [step.name for step in steps]
    if input.rank != 3:
        return TensorType(input.shape, dtype)
    shape: Sizes = input.shape
    if not RESIZING.isdisjoint(names):
        shape = (shape[0], symbol(f"{name}_height"), symbol(f"{name}_width"))
    return TensorType((3 if "grayscale" in names else shape[0], *shape[1:]), dtype)


def to_onnx(g: OnnxBuilder, stored: OnnxValue, steps: Sequence[Step], input: TensorType) -> OnnxValue:
    """The network's input, computed from a stored batch.

    Args:
        g: Writes the nodes.
        stored: A batch `[N, *stored_type(...).shape]`.
        steps: Steps without a `refusal`.
        input: What the network takes.
    """
    images, affine = split(steps)
    x = stored
    for step in images:
        x = _STEPS[step.name](g, x, step)
    if any(step.name in RESIZING for step in images) and all(isinstance(size, int) for size in input.shape):
        # A smaller image than `center_crop` takes is an error here, not a smaller input.
        x = g.Reshape(x, g.ints([0, *(size for size in input.shape if isinstance(size, int))]))
    if affine is None:
        return x if stored.type.dtype is input.dtype else g.cast(x, input.dtype)
    x = g.cast(x, DType.FLOAT32)
    gain, offset = (_per_channel(g, each, input.rank) for each in (affine.gain, affine.offset))
    return g.Add(g.Mul(x, gain), offset)


def _per_channel(g: OnnxBuilder, values: Sequence[float], rank: int) -> OnnxValue:
    return g.constant([_nested(value, rank - 1) for value in values], DType.FLOAT32)


def _nested(value: Any, depth: int) -> Any:
    """A number in so many lists of one."""
    return value if depth == 0 else _nested([value], depth - 1)


def _grayscale(g: OnnxBuilder, x: OnnxValue, step: Step) -> OnnxValue:
    parts = g.Mul(g.cast(x, DType.INT32), g.constant([[[[each]] for each in LUMA]], DType.INT32))
    luma = g.ReduceSum(parts, g.ints([1]), keepdims=1)
    half, whole = g.constant(2**15, DType.INT32), g.constant(2**16, DType.INT32)
    return g.cast(g.Div(g.Add(luma, half), whole), DType.UINT8)


def _center_crop(g: OnnxBuilder, x: OnnxValue, step: Step) -> OnnxValue:
    """Halves go to the even number: of what is left over, half, after one more where that half would be odd."""
    size = _attribute(step, "size")
    wanted = g.ints(list(size) if isinstance(size, tuple) else [size, size])
    over = g.Sub(_sides(g, x), wanted)
    two = g.ints([2])
    start = g.Div(g.Add(over, g.Mod(g.Div(over, two), two)), two)
    return g.Slice(x, start, g.Add(start, wanted), g.ints([2, 3]))


def _resize(g: OnnxBuilder, x: OnnxValue, step: Step) -> OnnxValue:
    sides = _sides(g, x)
    target = _target(g, sides, _attribute(step, "size"))
    (height, width), (high, wide) = ((_item(g, each, 0), _item(g, each, 1)) for each in (sides, target))
    method = _attribute(step, "interpolation")
    if method == "nearest":
        return g.Gather(g.Gather(x, _nearest(g, width, wide), axis=3), _nearest(g, height, high), axis=2)
    columns = g.Transpose(_weights(g, width, wide, method), perm=[1, 0])
    rows = _weights(g, height, high, method)
    real = g.cast(x, DType.FLOAT64)

    def across(values: OnnxValue) -> OnnxValue:
        return _rounded(g, g.MatMul(values, columns))

    def down(values: OnnxValue) -> OnnxValue:
        return _rounded(g, g.MatMul(rows, values))

    if not _turns():
        return g.cast(down(across(real)), DType.UINT8)
    zero, two = g.constant(0, DType.INT64), g.constant(2, DType.INT64)
    tall = g.Greater(g.Sub(height, high), g.Mul(two, g.Max(g.Sub(width, wide), zero)))
    result = g.choose(tall, lambda: across(down(real)), lambda: down(across(real)), DType.FLOAT64)
    return g.cast(result, DType.UINT8)


def _turns() -> bool:
    """Whether this Pillow goes along the height first where it shrinks by far more (pull request 9549, Pillow 13)."""
    import PIL

    return int(PIL.__version__.split(".")[0]) >= 13


_STEPS: Mapping[str, Callable[[OnnxBuilder, OnnxValue, Step], OnnxValue]] = {
    "grayscale": _grayscale,
    "center_crop": _center_crop,
    "resize": _resize,
}


def _attribute(step: Step, name: str) -> Any:
    return getattr(step, name)


def _sides(g: OnnxBuilder, x: OnnxValue) -> OnnxValue:
    """Height and width."""
    return g.Slice(g.Shape(x), g.ints([2]), g.ints([4]), g.ints([0]))


def _item(g: OnnxBuilder, vector: OnnxValue, index: int) -> OnnxValue:
    """One number of a vector, without an axis."""
    return g.Gather(vector, g.constant(index, DType.INT64), axis=0)


def _target(g: OnnxBuilder, sides: OnnxValue, size: int | tuple[int, ...]) -> OnnxValue:
    """Height and width after resizing; one number is the shorter side."""
    if isinstance(size, tuple):
        return g.ints(list(size))
    shorter = g.Min(*(g.Gather(sides, g.ints([index]), axis=0) for index in range(2)))
    return g.Div(g.Mul(sides, g.ints([size])), shorter)


def _triangle(g: OnnxBuilder, x: OnnxValue) -> OnnxValue:
    return g.Max(g.Sub(_real(g, 1.0), x), _real(g, 0.0))


def _cubic(g: OnnxBuilder, x: OnnxValue) -> OnnxValue:
    """Keys' with a = -0.5, in Pillow's order of operations."""
    square = g.Mul(g.Sub(g.Mul(_real(g, 1.5), x), _real(g, 2.5)), x)
    near = g.Add(g.Mul(square, x), _real(g, 1.0))
    far = g.Sub(g.Mul(g.Add(g.Mul(g.Sub(x, _real(g, 5.0)), x), _real(g, 8.0)), x), _real(g, 4.0))
    beyond = g.Where(g.Less(x, _real(g, 2.0)), g.Mul(far, _real(g, -0.5)), _real(g, 0.0))
    return g.Where(g.Less(x, _real(g, 1.0)), near, beyond)


_FILTERS: Mapping[str, Callable[[OnnxBuilder, OnnxValue], OnnxValue] | None] = {
    "nearest": None,
    "bilinear": _triangle,
    "bicubic": _cubic,
}


def _weights(g: OnnxBuilder, size: OnnxValue, wanted: OnnxValue, method: str) -> OnnxValue:
    """Pillow's precompute_coeffs and normalize_coeffs_8bpc: whole numbers `[wanted, size]`, as float64."""
    weigh = _FILTERS[method]
    assert weigh is not None
    scale = g.Div(g.cast(size, DType.FLOAT64), g.cast(wanted, DType.FLOAT64))
    stretch = g.Div(_real(g, 1.0), g.Max(scale, _real(g, 1.0)))
    center = g.Unsqueeze(g.Mul(g.Add(_range(g, wanted), _real(g, 0.5)), scale), g.ints([1]))
    pixel = g.Unsqueeze(_range(g, size), g.ints([0]))
    distance = g.Abs(g.Mul(g.Add(g.Sub(pixel, center), _real(g, 0.5)), stretch))
    weights = weigh(g, distance)
    share = g.Div(weights, g.ReduceSum(weights, g.ints([1]), keepdims=1))
    whole = g.Floor(g.Add(g.Mul(g.Abs(share), _real(g, 2.0**BITS)), _real(g, 0.5)))
    return g.Mul(whole, g.Sign(share))


def _rounded(g: OnnxBuilder, sums: OnnxValue) -> OnnxValue:
    """Bytes, still as float64, of sums of bytes and weights."""
    halved = g.Div(g.Add(sums, _real(g, 2.0 ** (BITS - 1))), _real(g, 2.0**BITS))
    return g.Clip(g.Floor(halved), _real(g, 0.0), _real(g, 255.0))


def _nearest(g: OnnxBuilder, size: OnnxValue, wanted: OnnxValue) -> OnnxValue:
    """Pillow's ImagingScaleAffine, which adds up the step: the numbers of the pixels taken."""
    scale = g.Div(g.cast(size, DType.FLOAT64), g.cast(wanted, DType.FLOAT64))
    first = g.Equal(_range(g, wanted), _real(g, 0.0))
    steps = g.Where(first, g.Mul(scale, _real(g, 0.5)), scale)
    places = g.cast(g.CumSum(steps, g.constant(0, DType.INT64)), DType.INT64)
    return g.Min(places, g.Sub(size, g.constant(1, DType.INT64)))


def _range(g: OnnxBuilder, count: OnnxValue) -> OnnxValue:
    """0, 1, ... as float64."""
    numbers = g.Range(g.constant(0, DType.INT64), count, g.constant(1, DType.INT64))
    return g.cast(numbers, DType.FLOAT64)


def _real(g: OnnxBuilder, value: float) -> OnnxValue:
    return g.constant(value, DType.FLOAT64)
