"""What products read: rows that the flattened weights of one group are multiplied with, drawn from data."""

from __future__ import annotations

import numpy as np
import onnx

from netspec.backends.onnx.int8.wires import Array, attribute

#: Rows of a product that are looked at, over all batches.
ROWS = 4096


def rows_of(node: onnx.NodeProto, input: Array, kernel: tuple[int, ...], count: int, seed: int) -> Array | None:
    """Some of the rows `[count, groups, in_features]` that the node multiplies, drawn evenly.

    Args:
        node: A Conv, Gemm or MatMul.
        input: What it reads, `[N, C, *]`, or `[*, C]`.
        kernel: Sizes of the kernel; empty for a matrix.
        count: How many rows.
        seed: Equal seeds draw equal rows.

    Returns:
        None where the padding of a convolution is not written as numbers.
    """
    generator = np.random.default_rng(seed)
    if node.op_type != "Conv":
        flat = input.reshape(-1, input.shape[-1])
        return flat[generator.integers(0, len(flat), min(count, len(flat)))][:, None]
    if attribute(node, "auto_pad", b"NOTSET") != b"NOTSET":
        return None
    windows = _windows(node, input, kernel)
    places = tuple(
        generator.integers(0, size, count) for size in (windows.shape[0], *windows.shape[2 : 2 + len(kernel)])
    )
    rows = np.moveaxis(windows, 1, 1 + len(kernel))[places]
    groups = attribute(node, "group", 1)
    return rows.reshape(count, groups, -1)


def _windows(node: onnx.NodeProto, input: Array, kernel: tuple[int, ...]) -> Array:
    """A view of every window, `[N, C, *out, *kernel]`."""
    rank = len(kernel)
    pads = attribute(node, "pads", [0] * 2 * rank)
    strides, dilations = attribute(node, "strides", [1] * rank), attribute(node, "dilations", [1] * rank)
    padded = np.pad(input, [(0, 0), (0, 0), *zip(pads[:rank], pads[rank:], strict=True)])
    reach = tuple(dilation * (size - 1) + 1 for size, dilation in zip(kernel, dilations, strict=True))
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, axis=tuple(range(2, 2 + rank)))
    steps = (slice(None), slice(None), *(slice(None, None, each) for each in (*strides, *dilations)))
    return windows[steps]
