"""Runs a model on data and looks at the values that are to be rounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import onnx
import onnxruntime as ort

from netspec.backends.onnx.int8.choose import Choice, is_linear
from netspec.backends.onnx.int8.patches import ROWS, rows_of
from netspec.backends.onnx.int8.ranges import Seen
from netspec.backends.onnx.int8.wires import Array, Wires
from netspec.backends.onnx.sessions import session

Batch = Mapping[str, Array]


@dataclass(slots=True)
class Observed:
    """Ranges by value; and by the output of a product, rows that it multiplies, `[rows, groups, in_features]`."""

    seen: dict[str, Seen] = field(default_factory=dict)
    rows: dict[str, Array] = field(default_factory=dict)


def observe(model: onnx.ModelProto, choice: Choice, batches: Iterable[Batch]) -> Observed:
    """Run the model twice, for the ends of its values and for what lies between; those not in float32 are left out."""
    found = Observed()
    kept = list(batches)
    names = list(choice.values)
    wires = Wires(model.graph)
    products = [node for node in choice.nodes if is_linear(node, wires)]
    parts: dict[str, list[Array]] = {}
    run = _wide(model, names)
    for seed, batch in enumerate(kept):
        arrays = _values(run, names, batch)
        for name, array in arrays.items():
            found.seen.setdefault(name, Seen()).widen(array)
        for node in products:
            if node.input[0] in arrays:
                kernel = tuple(wires.tensors[node.input[1]].dims[2:]) if node.op_type == "Conv" else ()
                rows = rows_of(node, arrays[node.input[0]], kernel, -(-ROWS // len(kept)), seed)
                parts.setdefault(node.output[0], []).extend([] if rows is None else [rows])
    for batch in kept:
        for name, array in _values(run, names, batch).items():
            found.seen[name].count(array)
    found.rows = {name: np.concatenate(each) for name, each in parts.items() if each}
    return found


def _wide(model: onnx.ModelProto, names: list[str]) -> ort.InferenceSession:
    """A session that gives values from inside of the model."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    present = {each.name for each in (*wide.graph.output, *wide.graph.input)}
    wide.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in present)
    return session(wide.SerializeToString())


def _values(run: ort.InferenceSession, names: list[str], batch: Batch) -> dict[str, Array]:
    inner = [name for name in names if name not in batch]
    found = dict(zip(inner, run.run(inner, dict(batch)), strict=True)) if inner else {}
    found |= {name: batch[name] for name in names if name in batch}
    return {name: array for name, array in found.items() if array.dtype == np.float32 and array.ndim > 1}
