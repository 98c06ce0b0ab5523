"""A small network with a convolution, batch norm and a linear layer, its tensors, and files of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netspec.compiler import compile_source
from netspec.diagnostics import Report, Source
from netspec.ir import Graph
from netspec.lang.folder import Folder
from netspec.lang.reader import read
from netspec.weights.bind import PLAIN, Mapped, bind_weights
from netspec.weights.stored import Array

TEXT = """\
netspec: 1
name: small
inputs: {image: [1, 4, 4]}
layers:
  - {name: conv, conv: {out_channels: 2, kernel_size: 3}}
  - {name: bn, batch_norm}
  - flatten
  - name: head
    sequence:
      - {name: fc, linear: 3}
"""
SHAPES = {
    "conv.weight": (2, 1, 3, 3),
    "conv.bias": (2,),
    "bn.weight": (2,),
    "bn.bias": (2,),
    "bn.running_mean": (2,),
    "bn.running_var": (2,),
    "head.fc.weight": (3, 8),
    "head.fc.bias": (3,),
}


def graph() -> Graph:
    return compile_source(Source("small.yaml", TEXT)).graph


def tensors() -> dict[str, Array]:
    """All tensors of the network, with numbers of their own."""
    rng = np.random.default_rng(0)
    found = {key: rng.standard_normal(shape).astype(np.float32) for key, shape in SHAPES.items()}
    return {**found, "bn.num_batches_tracked": np.array(7, np.int64)}


def mapping(text: str) -> Mapped:
    """What a `weights` value says."""
    found, report = bound(text)
    assert not report.diagnostics
    assert found is not None
    return found


def bound(text: str, folder: Path = Path()) -> tuple[Mapped | None, Report]:
    report = Report()
    weights = bind_weights(read(Source("weights.yaml", text)), Folder(folder), report)
    return (weights.mapping if weights else None), report


__all__ = ["PLAIN", "SHAPES", "bound", "graph", "mapping", "tensors"]
