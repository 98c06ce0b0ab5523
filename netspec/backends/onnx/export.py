"""Exports that refuse to lie: ONNX Runtime must compute what PyTorch computes before a file is put in place."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import onnx
import onnxruntime as ort
from torch import nn

from netspec import atomic
from netspec.backends.onnx.bundle import EXTERNAL_BYTES, Beside, drop_stale
from netspec.backends.onnx.lower import lower
from netspec.backends.onnx.parity import Difference, Trial, as_written, compare, first_difference, trials
from netspec.backends.onnx.sessions import session
from netspec.compiler.passes.deployed import deployed
from netspec.compiler.passes.drawn_as_inputs import drawn_as_inputs
from netspec.diagnostics import ModelError
from netspec.ir import Graph

State = Mapping[str, "np.ndarray[Any, Any]"]


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written and what was seen: one difference per output and batch size, all within their limits.

    Axes that are free have another size at each batch size. `facts` are what `finish` saw; `external`
    is the file of the weights, where they stand apart.
    """

    path: Path
    num_nodes: int
    size_bytes: int
    opset: int
    differences: tuple[Difference, ...]
    lower_seconds: float
    parity_seconds: float
    external: Path | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    #: The other graphs of the export.
    others: tuple[ExportReport, ...] = ()

    @property
    def max_abs_diff(self) -> float:
        """The largest difference of any output at any batch size."""
        return max((each.max_abs_diff for each in self.differences), default=0.0)


class Finish(Protocol):
    """What becomes of a model after it was lowered, and the proof of that."""

    @property
    def changes_weights(self) -> bool:
        """Whether stored tensors become others, for which those that stand beside the model are not at hand."""

    def apply(self, model: onnx.ModelProto) -> onnx.ModelProto:
        """The model as it is to be written; the one that is given was proved."""

    def confirm(
        self, plain: ort.InferenceSession, file: ort.InferenceSession, tried: Sequence[Trial], place: str
    ) -> Mapping[str, Any]:
        """Facts for the report, after the file's results were compared with the plain model's.

        Raises:
            ModelError: `parity`: they are too far apart.
        """


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
    fixed: Mapping[str, int] | None = None,
    finish: Finish | None = None,
    files: ExitStack | None = None,
) -> ExportReport:
    """Lower a graph with the module's weights, prove it at batch 1, 2 and 7, and put it in place.

    Axes of free size have another size at each batch size: the smallest that every layer takes, and some beyond.

    Args:
        graph: The graph the module was built from (rewrites keep the function and the keys, so either form will do),
            or a part of it.
        module: The PyTorch module; it is evaluated on the CPU, and left in the mode in which it came.
        path: The file to write. What stood there before stays unless all went well.
        metadata: Texts that the file carries, by key.
        opset: Version of ONNX's operators.
        atol: Absolute part of the limit, max|a - b| <= atol + rtol * max|b| for each output.
        rtol: Relative part of the limit.
        external_bytes: Above this many bytes of weights they go into a file beside the model.
        fixed: Sizes of free axes that the file has once and for all, by name; `batch` is the batch's.
        finish: What is done with the model after it was proved, and how that is proved.
        files: Where the file is one of several that take their places together: what does so when it is closed.

    Raises:
        ModelError: `parity`, naming the output and the first layer that differs.
        NetspecError: `unwritable`.
    """
    target, sizes = Path(path), dict(fixed or {})
    started = time.perf_counter()
    state = {key: tensor.detach().cpu().numpy() for key, tensor in module.state_dict().items()}
    function = drawn_as_inputs(deployed(graph))
    if function is not graph:
        graph, module = function, as_written(function, module)
    size = sum(array.nbytes for array in state.values())
    beside = Beside() if size > external_bytes else None
    if beside is not None and finish is not None and finish.changes_weights:
        message = f"{size:,} bytes of weights are more than can be converted after lowering"
        raise ModelError.at(str(target), "onnx", message, help="leave out `precision` of `export`")
    model = lower(graph, state, metadata=metadata, opset=opset, fixed=sizes, beside=beside)
    lowered = time.perf_counter()
    proof = _Proof(graph, module, state, trials(graph, sizes), opset, atol, rtol, str(target))
    facts: Mapping[str, Any] = {}
    with ExitStack() as alone:
        bundle = (files or alone).enter_context(_bundle(model, target, beside))
        plain = session(str(bundle.temporary))
        differences = proof.of(plain)
        if finish is not None:
            model = finish.apply(model)
            bundle.put(model)
            facts = finish.confirm(plain, session(str(bundle.temporary)), proof.tried, str(target))
        written, finished = bundle.num_bytes, time.perf_counter()
    return ExportReport(
        target,
        len(model.graph.node),
        written,
        opset,
        differences,
        lowered - started,
        finished - lowered,
        external=bundle.data,
        facts=facts,
    )


@dataclass(slots=True)
class _Bundle:
    """A model under a temporary name, and its weights where they stand apart."""

    temporary: Path
    data: Path | None = None

    def put(self, model: onnx.ModelProto) -> None:
        """Write a model in place of the one before, which reads the same weights."""
        self.temporary.write_bytes(model.SerializeToString(deterministic=True))
        onnx.checker.check_model(str(self.temporary), full_check=True)

    @property
    def num_bytes(self) -> int:
        return sum(path.stat().st_size for path in (self.temporary, self.data) if path is not None)


@contextmanager
def _bundle(model: onnx.ModelProto, target: Path, beside: Beside | None) -> Iterator[_Bundle]:
    """Write a model; it takes its place when the block ends without an error, and leaves nothing otherwise."""
    if any("\udc80" <= each <= "\udcff" for each in str(target)):  # bytes that are no UTF-8
        raise ModelError.at(ascii(str(target))[1:-1], "unwritable", "ONNX opens files by names in UTF-8 only")
    with atomic.replacing(target) as temporary:
        written, is_new = _Bundle(temporary), False
        try:
            if beside is not None:
                written.data, is_new = beside.write(model, target)
            written.put(model)
            yield written
        except BaseException:  # Ctrl-C too leaves nothing behind
            if written.data is not None and is_new:
                written.data.unlink(missing_ok=True)
            raise
    drop_stale(target, written.data)


@dataclass(frozen=True, slots=True)
class _Proof:
    graph: Graph
    module: nn.Module
    state: State
    tried: Sequence[Trial]
    opset: int
    atol: float
    rtol: float
    place: str

    def of(self, run: ort.InferenceSession) -> tuple[Difference, ...]:
        """The differences from PyTorch, all within their limits.

        Raises:
            ModelError: `parity`: one is not.
        """
        modes = {each: each.training for each in self.module.modules()}
        self.module.eval()
        try:
            found = compare(self.graph, self.module, run, self.tried, atol=self.atol, rtol=self.rtol)
            worst = next((each for each in found if not each.ok), None)
            if worst is not None:
                raise self._error(worst)
            return found
        finally:
            for each, training in modes.items():
                each.training = training

    def _error(self, worst: Difference) -> ModelError:
        first = first_difference(self.graph, self.module, self.state, self.opset, self.atol, self.rtol)
        message = (
            f"the output `{worst.output}` differs from PyTorch's by {worst.max_abs_diff:.3g} at {worst.place}; "
            f"the limit is {worst.limit:.3g}"
        )
        notes = [f"the first layer that differs is `{first.output}`, by {first.max_abs_diff:.3g}"] if first else []
        help = "the file was not written; what stood there before is unchanged"
        return ModelError.at(self.place, "parity", message, notes=notes, help=help)
