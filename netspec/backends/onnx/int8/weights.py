"""Weights as int8 by output channel, rounded so that the outputs change least on the data seen."""

from __future__ import annotations

import numpy as np

from netspec.backends.onnx.int8.wires import Array

# Seven bits: on processors without VNNI, two products of uint8 and int8 are added in 16 bits, and saturate beyond.
MOST = 64
INT32 = 2**31 - 1
# Beyond so many inputs of an output each weight is rounded by itself; the inverse would take minutes.
MAX_FEATURES = 2304
DAMPING = 0.01
BLOCK = 128


def scales(weight: Array) -> Array:
    """The step of each row of `[out, in]`, float32."""
    most = np.abs(weight).max(axis=1, initial=0.0)
    return np.maximum(np.where(most > 0, most / MOST, 1.0), np.finfo(np.float32).tiny).astype(np.float32)


def rounded(weight: Array, scale: Array) -> Array:
    """The nearest int8 numbers, each by itself."""
    return np.clip(np.round(weight / scale.astype(np.float64)[:, None]), -MOST, MOST).astype(np.int8)


def compensated(weight: Array, scale: Array, rows: Array) -> Array:
    """int8 numbers that keep `rows @ weight.T`: the error of each is made good by those that follow.

    Frantar and others 2023, GPTQ, algorithm 1, columns in the order of their inputs' size.

    Args:
        weight: `[out, in]`.
        scale: `[out]`.
        rows: `[rows, in]`, what the weights are multiplied with.
    """
    features = weight.shape[1]
    if features > MAX_FEATURES or not len(rows):
        return rounded(weight, scale)
    wide = rows.astype(np.float64)
    products = wide.T @ wide / len(wide)
    order = np.argsort(-np.diag(products), kind="stable")
    products = products[np.ix_(order, order)]
    products[np.diag_indices(features)] += DAMPING * np.diag(products).mean() + np.finfo(np.float32).tiny
    upper = np.linalg.cholesky(np.linalg.inv(products)).T
    left, steps = weight[:, order].astype(np.float64), scale.astype(np.float64)
    stored = np.empty(left.shape, np.int8)
    for start in range(0, features, BLOCK):
        end = min(start + BLOCK, features)
        errors = np.empty((len(left), end - start))
        for i in range(start, end):
            found = np.clip(np.round(left[:, i] / steps), -MOST, MOST)
            stored[:, i] = found
            errors[:, i - start] = (left[:, i] - found * steps) / upper[i, i]
            left[:, i + 1 : end] -= errors[:, i - start, None] * upper[i, None, i + 1 : end]
        left[:, end:] -= errors @ upper[start:end, end:]
    result = np.empty_like(stored)
    result[:, order] = stored
    return result


def quantize_bias(bias: Array, scale: Array) -> Array:
    """int32 numbers of the scale that products of input and weight have."""
    stored: Array = np.clip(np.round(bias / scale.astype(np.float64)), -INT32, INT32).astype(np.int32)
    return stored
