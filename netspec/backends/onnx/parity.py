"""The proof that an ONNX model computes what the PyTorch module computes, at several batch sizes and free sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import nn

from netspec.backends.onnx.lower import lower
from netspec.backends.onnx.sessions import session
from netspec.backends.torch import build
from netspec.backends.torch.program import is_module
from netspec.compiler.admissible import Assignment, admissible, free_symbols
from netspec.diagnostics import ModelError
from netspec.ir import Graph, Input, TensorType, Value, evaluate, symbols_of
from netspec.ops.lowering import BATCH

Arrays = dict[str, "np.ndarray[Any, Any]"]

BATCHES = (1, 2, 7)


@dataclass(frozen=True, slots=True)
class Difference:
    """How far one output is apart at one batch size: max|a - b| against atol + rtol * max|b|.

    `sizes` are those of the free axes, by symbol.
    """

    output: str
    batch: int
    max_abs_diff: float
    limit: float
    sizes: tuple[tuple[str, int], ...] = ()

    @property
    def ok(self) -> bool:
        """Whether it is within the limit; not so where either is not a finite number."""
        return self.max_abs_diff <= self.limit

    @property
    def place(self) -> str:
        """Where it was seen: `batch 2, H = 16`."""
        return ", ".join([f"batch {self.batch}", *(f"{name} = {size}" for name, size in self.sizes)])


@dataclass(frozen=True, slots=True)
class Trial:
    """One set of inputs: so many samples, free axes of these sizes."""

    batch: int
    sizes: Assignment
    inputs: Arrays


def trials(graph: Graph, fixed: Mapping[str, int] = MappingProxyType({})) -> list[Trial]:
    """Random inputs at every batch size, each with other sizes of the free axes.

    Args:
        graph: What is computed.
        fixed: Sizes that the file has once and for all, by name; `batch` is the batch's.

    Raises:
        ModelError: `parity`, no sizes of the free axes are found that all layers take.
    """
    symbols = {each.name for each in free_symbols(graph)}
    tried = admissible(graph, {name: size for name, size in fixed.items() if name in symbols})
    if not tried:
        raise ModelError.at(graph.name, "parity", "no sizes of the free axes are found that every layer takes")
    batches = BATCHES if BATCH not in fixed else (fixed[BATCH],) * len(BATCHES)
    found: list[Trial] = []
    for batch, sizes in zip(batches, tried, strict=True):
        if not any((each.batch, each.sizes) == (batch, sizes) for each in found):
            found.append(Trial(batch, sizes, random_inputs(graph, batch, sizes)))
    return found


def random_inputs(graph: Graph, batch: int, sizes: Assignment) -> Arrays:
    """A batch for every input, its free axes of these sizes: standard normal floats, else whole numbers.

    These are all indices that the input's `below` allows, 0 or 1 where it says nothing. What is drawn uniformly is.
    Lengths are those that every layer takes; one sample at least is as long as its axis.
    """
    generator = np.random.default_rng(batch)
    found = {value.name: _random(value, batch, sizes, generator) for value in graph.inputs}
    return found | (_lengths(graph, batch, sizes, generator) if graph.lengths else {})


def _lengths(graph: Graph, batch: int, sizes: Assignment, generator: np.random.Generator) -> Arrays:
    tried = admissible(graph) or [sizes]
    steps = {each.name: each.multiple_of for each in free_symbols(graph)}
    found: Arrays = {}
    for symbol, value in graph.lengths.items():
        least, step = min(each[symbol] for each in tried), steps[symbol]
        lengths = generator.integers(least // step, sizes[symbol] // step + 1, batch) * step
        lengths[generator.integers(batch)] = sizes[symbol]
        found[value.name] = np.minimum(found.get(value.name, lengths), lengths)
    return found


def _random(value: Value, batch: int, sizes: Assignment, generator: np.random.Generator) -> np.ndarray[Any, Any]:
    type = value.type
    shape = (batch, *(evaluate(size, sizes) for size in type.shape))
    if isinstance(value, Input) and value.sample == "uniform":
        return generator.random(shape).astype(type.dtype.value)
    if type.dtype.is_floating:
        return generator.standard_normal(shape).astype(type.dtype.value)
    return generator.integers(0, 2 if type.below is None else type.below, shape).astype(type.dtype.value)


def compare(
    graph: Graph, module: nn.Module, run: ort.InferenceSession, tried: Sequence[Trial], *, atol: float, rtol: float
) -> tuple[Difference, ...]:
    """The differences of every output in every trial. The module must be in evaluation mode."""
    found = []
    for trial in tried:
        expected = _torch_outputs(module, graph, trial.inputs)
        computed = run.run(list(graph.output_names), trial.inputs)
        for name, value, *pair in zip(graph.output_names, graph.outputs, computed, expected, strict=True):
            a, b = (valid(graph, value.type, each, trial.inputs) for each in pair)
            found.append(replace(difference(name, trial.batch, a, b, atol, rtol), sizes=tuple(trial.sizes.items())))
    return tuple(found)


def valid(graph: Graph, type: TensorType, array: np.ndarray[Any, Any], inputs: Arrays) -> np.ndarray[Any, Any]:
    """A batch of that type with zeros beyond the samples' lengths: what stands there is nobody's."""
    lengths = {symbol: inputs[value.name] for symbol, value in graph.lengths.items()}
    for axis in type.valid if type.times == 1 else ():
        size = type.shape[axis - 1]
        names = [each.name for each in symbols_of(size)]
        ends = [evaluate(size, {name: int(lengths[name][i]) for name in names}) for i in range(len(array))]
        inside = np.arange(array.shape[axis]) < np.array(ends)[:, None]
        array = np.where(np.expand_dims(inside, [each for each in range(1, array.ndim) if each != axis]), array, 0)
    return array


def difference(
    name: str, batch: int, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any], atol: float, rtol: float
) -> Difference:
    """max|a - b| and its limit. A shape that differs, or a number that is not finite, is infinitely far apart."""
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return Difference(name, batch, float("inf"), atol)
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    apart = float(np.abs(wide_a - wide_b).max(initial=0.0))
    return Difference(name, batch, apart, atol + rtol * float(np.abs(wide_b).max(initial=0.0)))


def first_difference(
    graph: Graph, module: nn.Module, state: Mapping[str, np.ndarray[Any, Any]], opset: int, atol: float, rtol: float
) -> Difference | None:
    """The first layer (by its path, in the graph's order) whose value differs; of those that are calls of modules."""
    trial = trials(graph)[-1]
    module = as_written(graph, module)
    model = lower(graph, state, opset=opset)
    values = {output for node in model.graph.node for output in node.output}
    called = _called_as_modules(graph)
    paths = [path for path, _ in module.named_modules() if path in values and path in called]
    if not paths:
        return None
    model.graph.ClearField("output")
    model.graph.output.extend(onnx.ValueInfoProto(name=path) for path in paths)
    with _Recorder(module, paths) as recorder:
        _torch_outputs(module, graph, trial.inputs)
    computed = dict(zip(paths, session(model.SerializeToString()).run(paths, trial.inputs), strict=True))
    for node in graph.walk():
        if node.path in computed and node.path in recorder.values:
            pair = computed[node.path], recorder.values[node.path]
            a, b = (valid(graph, node.outputs[0].type, each, trial.inputs) for each in pair)
            found = difference(node.path, trial.batch, a, b, atol, rtol)
            if not found.ok:
                return found
    return None


def _called_as_modules(graph: Graph) -> set[str]:
    """The layers whose value is what their module returns, in its only call."""
    nodes = list(graph.walk())
    again = {node.owner for node in nodes}
    return {node.path for node in nodes if node.path not in again and is_module(node)}


def as_written(graph: Graph, module: nn.Module) -> nn.Module:
    """A module of the graph itself with the weights of one that was rewritten, or has more (that of training only)."""
    plain, weights = build(graph, initialize=False), module.state_dict()
    plain.load_state_dict({key: weights[key] for key in plain.state_dict()})
    return plain.eval()


def _torch_outputs(module: nn.Module, graph: Graph, inputs: Arrays) -> list[np.ndarray[Any, Any]]:
    with torch.no_grad():
        outputs = module(*(torch.from_numpy(inputs[value.name]) for value in graph.inputs))
    # An output may be a parameter itself.
    return [output.detach().numpy() for output in (outputs if isinstance(outputs, tuple) else (outputs,))]


class _Recorder(AbstractContextManager["_Recorder"]):
    """Keeps the outputs of submodules while it is entered."""

    def __init__(self, module: nn.Module, paths: Sequence[str]) -> None:
        self.values: Arrays = {}
        self._module = module
        self._paths = paths
        self._hooks: list[Any] = []

    def __enter__(self) -> _Recorder:
        for path in self._paths:
            self._hooks.append(self._module.get_submodule(path).register_forward_hook(self._keep(path)))
        return self

    def _keep(self, path: str) -> Any:
        def hook(module: nn.Module, args: object, output: object) -> None:
            if isinstance(output, torch.Tensor):
                self.values[path] = output.detach().clone().numpy()

        return hook

    def __exit__(self, *exception: object) -> None:
        for hook in self._hooks:
            hook.remove()
