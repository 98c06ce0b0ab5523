"""Exports that refuse to lie: ONNX Runtime must compute what PyTorch computes before a file is put in place."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx.external_data_helper import convert_model_to_external_data
from torch import nn

from netspec import atomic
from netspec.backends.onnx.lower import lower
from netspec.backends.onnx.parity import Difference, as_written, compare, first_difference, session
from netspec.compiler.passes.deployed import deployed
from netspec.compiler.passes.drawn_as_inputs import drawn_as_inputs
from netspec.diagnostics import ModelError
from netspec.ir import Graph

# A protobuf message holds 2 GiB; above this the weights go into a file beside the model.
EXTERNAL_BYTES = 3 * 2**29

State = Mapping[str, "np.ndarray[Any, Any]"]


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written and what was seen: one difference per output and batch size, all within their limits.

    Axes that are free have another size at each batch size.
    """

    path: Path
    num_nodes: int
    size_bytes: int
    opset: int
    differences: tuple[Difference, ...]
    lower_seconds: float
    parity_seconds: float

    @property
    def max_abs_diff(self) -> float:
        """The largest difference of any output at any batch size."""
        return max((each.max_abs_diff for each in self.differences), default=0.0)


def export_onnx(
    graph: Graph,
    module: nn.Module,
    path: str | Path,
    *,
    metadata: Mapping[str, str] | None = None,
    opset: int = 20,
    atol: float = 1e-5,
    rtol: float = 1e-4,
    external_bytes: int = EXTERNAL_BYTES,
) -> ExportReport:
    """Lower a graph with the module's weights, prove it at batch 1, 2 and 7, and put it in place.

    Axes of free size have another size at each batch size: the smallest that every layer takes, and some beyond.

    Args:
        graph: The graph the module was built from (rewrites keep the function and the keys, so either form will do).
        module: The PyTorch module; it is evaluated on the CPU, and left in the mode in which it came.
        path: The file to write. What stood there before stays unless all went well.
        metadata: Texts that the file carries, by key.
        opset: Version of ONNX's operators.
        atol: Absolute part of the limit, max|a - b| <= atol + rtol * max|b| for each output.
        rtol: Relative part of the limit.
        external_bytes: Above this many bytes of weights they go into a file beside the model.

    Raises:
        ModelError: `parity`, naming the output and the first layer that differs.
        NetspecError: `unwritable`.
    """
    target = Path(path)
    started = time.perf_counter()
    state = {key: tensor.detach().cpu().numpy() for key, tensor in module.state_dict().items()}
    function = drawn_as_inputs(deployed(graph))
    if function is not graph:
        graph, module = function, as_written(function, module)
    model = lower(graph, state, metadata=metadata, opset=opset)
    external = sum(len(tensor.raw_data) for tensor in model.graph.initializer) > external_bytes
    lowered = time.perf_counter()
    with atomic.replacing(target) as temporary:
        data = _write(model, temporary, target, external)
        try:
            _check(temporary)
            differences = _prove(graph, module, state, temporary, target, opset, atol, rtol)
        except BaseException:
            if data is not None:
                data.unlink(missing_ok=True)
            raise
    size = target.stat().st_size + (data.stat().st_size if data is not None else 0)
    finished = time.perf_counter()
    return ExportReport(target, len(model.graph.node), size, opset, differences, lowered - started, finished - lowered)


def _write(model: onnx.ModelProto, temporary: Path, target: Path, external: bool) -> Path | None:
    """Write the model; the path of its weights where they stand apart.

    That file is named by its content, so a file that is there already, and the model that reads it, are never
    disturbed.
    """
    if not external:
        temporary.write_bytes(model.SerializeToString(deterministic=True))
        return None
    digest = hashlib.sha256()
    for tensor in model.graph.initializer:
        digest.update(tensor.raw_data)
    data = target.with_name(f"{target.name}.{digest.hexdigest()[:12]}.data")
    data.unlink(missing_ok=True)  # onnx appends to a file that is there
    convert_model_to_external_data(model, location=data.name, size_threshold=1024)
    onnx.save_model(model, temporary)
    return data


def _check(path: Path) -> None:
    onnx.checker.check_model(str(path), full_check=True)


def _prove(
    graph: Graph, module: nn.Module, state: State, path: Path, target: Path, opset: int, atol: float, rtol: float
) -> tuple[Difference, ...]:
    modes = {each: each.training for each in module.modules()}
    module.eval()
    try:
        differences = compare(graph, module, session(str(path)), atol=atol, rtol=rtol)
        worst = next((each for each in differences if not each.ok), None)
        if worst is not None:
            raise _parity_error(worst, first_difference(graph, module, state, opset, atol, rtol), target)
        return differences
    finally:
        for each, training in modes.items():
            each.training = training


def _parity_error(worst: Difference, first: Difference | None, path: Path) -> ModelError:
    message = (
        f"the output `{worst.output}` differs from PyTorch's by {worst.max_abs_diff:.3g} at {worst.place}; "
        f"the limit is {worst.limit:.3g}"
    )
    notes = [f"the first layer that differs is `{first.output}`, by {first.max_abs_diff:.3g}"] if first else []
    help = "the file was not written; what stood there before is unchanged"
    return ModelError.at(str(path), "parity", message, notes=notes, help=help)
